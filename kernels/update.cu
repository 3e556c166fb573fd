// SGD and Adam. The updates round exactly as org.talweg.ops.UpdateRule writes them: this file is compiled without
// contraction, and every fused multiply-add is spelled out.
#include "update.cuh"

// 8 bytes read and 4 written per parameter.
struct Sgd : Elementwise {
  static constexpr int kStates = 0;
  float rate, decay;
  __device__ explicit Sgd(const Step& step) : rate(step.rate()), decay(step.decay(1)) {}
  __device__ void operator()(float& p, float g, float*) const { p = fmaf(-rate, fmaf(decay, p, g), p); }
};

// Momentum as in PyTorch, plain or Nesterov's: 12 bytes read and 8 written per parameter.
struct SgdMomentum : Elementwise {
  static constexpr int kStates = 1;
  float rate, momentum, undamped, decay;
  bool nesterov, first;
  __device__ explicit SgdMomentum(const Step& step)
      : rate(step.rate()), momentum(step.momentum()), undamped(step.scalar(0)), decay(step.decay(1)),
        nesterov(step.scalar(2) != 0), first(step.first()) {}
  __device__ void operator()(float& p, float g, float* b) const {
    g = fmaf(decay, p, g);
    b[0] = first ? g : fmaf(momentum, b[0], undamped * g);
    p = fmaf(-rate, nesterov ? fmaf(momentum, b[0], g) : b[0], p);
  }
};

// Momentum as in Keras, plain or Nesterov's: the learning rate is part of it.
struct SgdVelocity : Elementwise {
  static constexpr int kStates = 1;
  float rate, momentum, decay;
  bool nesterov;
  __device__ explicit SgdVelocity(const Step& step)
      : rate(step.rate()), momentum(step.momentum()), decay(step.decay(1)), nesterov(step.scalar(2) != 0) {}
  __device__ void operator()(float& p, float g, float* v) const {
    float d = -(rate * fmaf(decay, p, g));
    v[0] = fmaf(momentum, v[0], d);
    p = p + (nesterov ? fmaf(momentum, v[0], d) : v[0]);
  }
};

// Adam, AdamW and AMSGrad: 16 bytes read and 12 written per parameter, AMSGrad 20 and 16.
template <bool AMSGRAD>
struct Adam : Elementwise {
  static constexpr int kStates = AMSGRAD ? 3 : 2;
  float size, root, beta1, rest1, beta2, rest2, epsilon, inside, correction, decay, keep;
  bool decoupled;
  __device__ explicit Adam(const Step& step)
      : size(step.rate_scalar(0)), root(step.scalar(1)), beta1(step.scalar(8)), rest1(step.scalar(2)),
        beta2(step.scalar(3)), rest2(step.scalar(4)), epsilon(step.scalar(5)), inside(step.scalar(9)),
        correction(step.scalar(10)), decay(step.decay(6)), keep(1.0f - step.rate() * decay),
        decoupled(step.scalar(7) != 0) {}
  __device__ void operator()(float& p, float g, float* s) const {
    if (decoupled) p = p * keep;
    else g = fmaf(decay, p, g);
    s[0] = fmaf(beta1, s[0], rest1 * g);
    s[1] = fmaf(beta2, s[1], rest2 * g * g);
    float second = s[1];
    if (AMSGRAD) second = s[2] = fmaxf(s[2], s[1] * correction);
    p = fmaf(-size, s[0] / (sqrtf(second + inside) / root + epsilon), p);
  }
};

UPDATE_KERNEL(sgd, Sgd)
UPDATE_KERNEL(sgd_momentum, SgdMomentum)
UPDATE_KERNEL(sgd_velocity, SgdVelocity)
UPDATE_KERNEL(adam, Adam<false>)
UPDATE_KERNEL(amsgrad, Adam<true>)
