// Updates with a step size of its own for each element, beside Adam. They round exactly as
// org.talweg.ops.AdaptiveRule writes them.
#include "update.cuh"

// 12 bytes read and 8 written per parameter.
struct Adagrad : Elementwise {
  static constexpr int kStates = 1;
  float size, decay, epsilon;
  bool inside;
  __device__ explicit Adagrad(const Step& step)
      : size(step.rate_scalar(0)), decay(step.decay(1)), epsilon(step.scalar(2)), inside(step.scalar(3) != 0) {}
  __device__ void operator()(float& p, float g, float* s) const {
    g = fmaf(decay, p, g);
    s[0] = fmaf(g, g, s[0]);
    p = fmaf(-size, g / (inside ? sqrtf(s[0] + epsilon) : sqrtf(s[0]) + epsilon), p);
  }
};

// 12 bytes read and 8 written per parameter, 8 more for each of momentum and centering.
template <bool CENTERED, bool MOMENTUM>
struct RmsProp : Elementwise {
  static constexpr int kStates = 1 + CENTERED + MOMENTUM;
  float rate, momentum, alpha, rest, epsilon, decay, correction;
  bool inside, nesterov;
  __device__ explicit RmsProp(const Step& step)
      : rate(step.rate()), momentum(step.momentum()), alpha(step.scalar(0)), rest(step.scalar(1)),
        epsilon(step.scalar(2)), decay(step.decay(3)), correction(step.scalar(6)), inside(step.scalar(4) != 0),
        nesterov(step.scalar(5) != 0) {}
  __device__ void operator()(float& p, float g, float* s) const {
    constexpr int kMean = 1 + MOMENTUM;
    g = fmaf(decay, p, g);
    s[0] = fmaf(alpha, s[0], rest * g * g);
    float w = correction * s[0];
    if (CENTERED) {
      s[kMean] = fmaf(alpha, s[kMean], rest * g);
      float mean = correction * s[kMean];
      w = fmaxf(fmaf(-mean, mean, w), 0.0f);
    }
    float d = g / (inside ? sqrtf(w + epsilon) : sqrtf(w) + epsilon);
    if (MOMENTUM) {
      s[1] = fmaf(momentum, s[1], d);
      d = nesterov ? fmaf(momentum, s[1], d) : s[1];
    }
    p = fmaf(-rate, d, p);
  }
};

// 16 bytes read and 12 written per parameter, as all that follow but Lion.
struct Adadelta : Elementwise {
  static constexpr int kStates = 2;
  float rate, rho, rest, epsilon, decay;
  __device__ explicit Adadelta(const Step& step)
      : rate(step.rate()), rho(step.scalar(0)), rest(step.scalar(1)), epsilon(step.scalar(2)), decay(step.decay(3)) {}
  __device__ void operator()(float& p, float g, float* s) const {
    g = fmaf(decay, p, g);
    s[0] = fmaf(rho, s[0], rest * g * g);
    float d = sqrtf(s[1] + epsilon) / sqrtf(s[0] + epsilon) * g;
    s[1] = fmaf(rho, s[1], rest * d * d);
    p = fmaf(-rate, d, p);
  }
};

struct Adamax : Elementwise {
  static constexpr int kStates = 2;
  float size, beta1, rest1, beta2, epsilon, decay;
  __device__ explicit Adamax(const Step& step)
      : size(step.rate_scalar(0)), beta1(step.momentum()), rest1(step.scalar(1)), beta2(step.scalar(2)),
        epsilon(step.scalar(3)), decay(step.decay(4)) {}
  __device__ void operator()(float& p, float g, float* s) const {
    g = fmaf(decay, p, g);
    s[0] = fmaf(beta1, s[0], rest1 * g);
    s[1] = fmaxf(beta2 * s[1], fabsf(g) + epsilon);
    p = fmaf(-size, s[0] / s[1], p);
  }
};

struct NAdam : Elementwise {
  static constexpr int kStates = 2;
  float gradient_size, size, root, beta1, rest1, beta2, rest2, epsilon, decay;
  bool decoupled;
  float keep;
  __device__ explicit NAdam(const Step& step)
      : gradient_size(step.rate_scalar(0)), size(step.rate_scalar(1)), root(step.scalar(2)), beta1(step.momentum()),
        rest1(step.scalar(3)), beta2(step.scalar(4)), rest2(step.scalar(5)), epsilon(step.scalar(6)),
        decay(step.decay(7)), decoupled(step.scalar(8) != 0), keep(decoupled ? 1.0f - step.rate() * decay : 1.0f) {}
  __device__ void operator()(float& p, float g, float* s) const {
    if (!decoupled) g = fmaf(decay, p, g);
    p = p * keep;
    s[0] = fmaf(beta1, s[0], rest1 * g);
    s[1] = fmaf(beta2, s[1], rest2 * g * g);
    float h = sqrtf(s[1]) / root + epsilon;
    p = fmaf(-size, s[0] / h, fmaf(-gradient_size, g / h, p));
  }
};

struct RAdam : Elementwise {
  static constexpr int kStates = 2;
  float size, beta1, rest1, beta2, rest2, epsilon, decay;
  bool rectified, decoupled;
  float keep;
  __device__ explicit RAdam(const Step& step)
      : size(step.rate_scalar(0)), beta1(step.momentum()), rest1(step.scalar(2)), beta2(step.scalar(3)),
        rest2(step.scalar(4)), epsilon(step.scalar(5)), decay(step.decay(6)), rectified(step.scalar(1) != 0),
        decoupled(step.scalar(7) != 0), keep(decoupled ? 1.0f - step.rate() * decay : 1.0f) {}
  __device__ void operator()(float& p, float g, float* s) const {
    if (!decoupled) g = fmaf(decay, p, g);
    p = p * keep;
    s[0] = fmaf(beta1, s[0], rest1 * g);
    s[1] = fmaf(beta2, s[1], rest2 * g * g);
    p = fmaf(-size, rectified ? s[0] / (sqrtf(s[1]) + epsilon) : s[0], p);
  }
};

// 12 bytes read and 8 written per parameter.
struct Lion : Elementwise {
  static constexpr int kStates = 1;
  float rate, beta1, rest1, beta2, rest2, keep;
  __device__ explicit Lion(const Step& step)
      : rate(step.rate()), beta1(step.momentum()), rest1(step.scalar(0)), beta2(step.scalar(1)), rest2(step.scalar(2)),
        keep(1.0f - rate * step.decay(3)) {}
  __device__ void operator()(float& p, float g, float* m) const {
    float u = fmaf(beta1, m[0], rest1 * g);
    m[0] = fmaf(beta2, m[0], rest2 * g);
    p = p * keep - rate * (u > 0 ? 1.0f : u < 0 ? -1.0f : 0.0f);
  }
};

struct ScheduleFree : Elementwise {
  static constexpr int kStates = 2;
  float share, size, plain_size, rest_share, root, beta2, rest2, epsilon, decay;
  __device__ explicit ScheduleFree(const Step& step)
      : share(step.scalar(0)), size(step.rate_scalar(1)), plain_size(step.rate_scalar(2)), rest_share(step.scalar(3)),
        root(step.scalar(4)), beta2(step.scalar(5)), rest2(step.scalar(6)), epsilon(step.scalar(7)),
        decay(step.decay(8)) {}
  __device__ void operator()(float& y, float g, float* s) const {
    s[0] = fmaf(beta2, s[0], rest2 * g * g);
    float d = fmaf(decay, y, g / (sqrtf(s[0]) / root + epsilon));
    y = fmaf(size, d, fmaf(share, s[1], y));
    s[1] = rest_share * fmaf(-plain_size, d, s[1]);
  }
};

// A macro's argument ends at a comma.
using RmsPropPlain = RmsProp<false, false>;
using RmsPropMomentum = RmsProp<false, true>;
using RmsPropCentered = RmsProp<true, false>;
using RmsPropCenteredMomentum = RmsProp<true, true>;

UPDATE_KERNEL(adagrad, Adagrad)
UPDATE_KERNEL(rmsprop, RmsPropPlain)
UPDATE_KERNEL(rmsprop_momentum, RmsPropMomentum)
UPDATE_KERNEL(rmsprop_centered, RmsPropCentered)
UPDATE_KERNEL(rmsprop_centered_momentum, RmsPropCenteredMomentum)
UPDATE_KERNEL(adadelta, Adadelta)
UPDATE_KERNEL(adamax, Adamax)
UPDATE_KERNEL(nadam, NAdam)
UPDATE_KERNEL(radam, RAdam)
UPDATE_KERNEL(lion, Lion)
UPDATE_KERNEL(schedule_free, ScheduleFree)
