// Activations and their derivatives, for epilogues and for the elementwise kernels; org.talweg.ops.Activation has the
// formulas. The numbers are those of Activation.Kind.ordinal().
#pragma once

enum Kind {
  kIdentity,
  kRelu,
  kTanh,
  kSigmoid,
  kGelu,
  kLeakyRelu,
  kElu,
  kSelu,
  kGeluTanh,
  kSilu,
  kSoftplus,
  kMish,
  kHardSwish,
  kHardSigmoid,
  kRelu6,
  kLogSigmoid
};

struct Activation {
  int kind;
  float p;
  float q;

  __device__ __forceinline__ Activation(int kind, float p = 0.0f, float q = 0.0f) : kind(kind), p(p), q(q) {}
};

constexpr float kSqrtHalf = 0.70710678118654752f;
constexpr float kOneOverSqrtTwoPi = 0.39894228040143268f;
constexpr float kTwoSqrtTwoOverPi = 1.5957691216057308f;
constexpr float kGeluCube = 0.044715f;
constexpr float kMishIdentity = 20.0f;  // above it tanh(softplus z) is 1 to the last bit

// Phi(z), the normal distribution. erfc keeps the relative accuracy that 1 + erf loses in the left tail.
__device__ __forceinline__ float normal_distribution(float z) {
  return 0.5f * erfcf(-z * kSqrtHalf);
}

__device__ __forceinline__ float sigmoid(float z) {
  return 1.0f / (1.0f + expf(-z));
}

// 2u with (1 + tanh u) / 2 = sigmoid(2u): the sigmoid keeps the accuracy that 1 + tanh loses in the left tail.
__device__ __forceinline__ float gelu_argument(float z) {
  return kTwoSqrtTwoOverPi * fmaf(kGeluCube * z * z, z, z);
}

// z * slope, and its limit 0 where the slope has vanished.
__device__ __forceinline__ float tail(float z, float slope) {
  return slope == 0.0f ? 0.0f : z * slope;
}

// NaN passes every comparison by: fmaxf would turn it into 0.
__device__ __forceinline__ float hard_sigmoid(float z) {
  return z <= -3.0f ? 0.0f : z >= 3.0f ? 1.0f : (z + 3.0f) / 6.0f;
}

template <int N, typename F>
__device__ __forceinline__ void each(float (&x)[N], F f) {
#pragma unroll
  for (int i = 0; i < N; i++) x[i] = f(x[i]);
}

template <int N, typename F>
__device__ __forceinline__ void each(float (&x)[N], const float (&y)[N], F f) {
#pragma unroll
  for (int i = 0; i < N; i++) x[i] = f(x[i], y[i]);
}

// z <- f(z), with one branch for all N values.
template <int N>
__device__ __forceinline__ void activate(const Activation& f, float (&z)[N]) {
  float p = f.p;
  float q = f.q;
  switch (f.kind) {
    case kRelu:
      return each(z, [](float x) { return x <= 0.0f ? 0.0f : x; });
    case kTanh:
      return each(z, [](float x) { return tanhf(x); });
    case kSigmoid:
      return each(z, [](float x) { return sigmoid(x); });
    case kGelu:
      return each(z, [](float x) { return x * normal_distribution(x); });
    case kLeakyRelu:
      return each(z, [=](float x) { return x > 0.0f ? x : p * x; });
    case kElu:
    case kSelu:
      return each(z, [=](float x) { return x > 0.0f ? q * x : p * expm1f(x); });
    case kGeluTanh:
      return each(z, [](float x) { return x * sigmoid(gelu_argument(x)); });
    case kSilu:
      return each(z, [](float x) { return x * sigmoid(x); });
    case kSoftplus:
      return each(z, [=](float x) { return x * p > q ? x : (fmaxf(x * p, 0.0f) + log1pf(expf(-fabsf(x * p)))) / p; });
    case kMish:
      return each(z, [](float x) {
        float e = expf(x);
        float n = e * (e + 2.0f);
        return x > kMishIdentity ? x : x * (n / (n + 2.0f));
      });
    case kHardSwish:
      return each(z, [](float x) { return x * hard_sigmoid(x); });
    case kHardSigmoid:
      return each(z, [](float x) { return hard_sigmoid(x); });
    case kRelu6:
      return each(z, [](float x) { return x <= 0.0f ? 0.0f : x >= 6.0f ? 6.0f : x; });
    case kLogSigmoid:
      return each(z, [](float x) { return fminf(x, 0.0f) - log1pf(expf(-fabsf(x))); });
  }
}

__device__ __forceinline__ float activate(const Activation& f, float z) {
  float one[1] = {z};
  activate(f, one);
  return one[0];
}

// gradient <- gradient * f'(saved), with one branch for all N values; `saved` is f's output or input, as
// Activation.Kind says.
template <int N>
__device__ __forceinline__ void differentiate(const Activation& f, float (&gradient)[N], const float (&saved)[N]) {
  float p = f.p;
  float q = f.q;
  switch (f.kind) {
    case kRelu:
      return each(gradient, saved, [](float g, float a) { return a > 0.0f ? g : 0.0f; });
    case kTanh:
      return each(gradient, saved, [](float g, float a) { return g * fmaf(-a, a, 1.0f); });
    case kSigmoid:
      return each(gradient, saved, [](float g, float a) { return g * (a * (1.0f - a)); });
    case kGelu:
      return each(gradient, saved, [](float g, float z) {
        float density = kOneOverSqrtTwoPi * expf(-0.5f * z * z);
        return g * fmaf(z, density, normal_distribution(z));
      });
    case kLeakyRelu:
      return each(gradient, saved, [=](float g, float a) { return a > 0.0f ? g : g * p; });
    case kElu:
    case kSelu:
      return each(gradient, saved, [=](float g, float a) { return a > 0.0f ? g * q : g * (a + p); });
    case kGeluTanh:
      return each(gradient, saved, [](float g, float z) {
        float s = sigmoid(gelu_argument(z));
        float steepness = kTwoSqrtTwoOverPi * fmaf(3.0f * kGeluCube * z, z, 1.0f);
        return g * (s + tail(z * steepness, s * (1.0f - s)));
      });
    case kSilu:
      return each(gradient, saved, [](float g, float z) {
        float s = sigmoid(z);
        return g * (s + tail(z, s * (1.0f - s)));
      });
    case kSoftplus:
      return each(gradient, saved, [=](float g, float z) { return z * p > q ? g : g * sigmoid(z * p); });
    case kMish:
      return each(gradient, saved, [](float g, float z) {
        float e = expf(z);
        float m = e * (e + 2.0f);
        float n = m + 2.0f;
        float slope = 4.0f * e * (1.0f + e) / (n * n);  // of tanh(softplus z)
        return z > kMishIdentity ? g : g * (m / n + tail(z, slope));
      });
    case kHardSwish:
      return each(gradient, saved, [](float g, float z) {
        return z <= -3.0f ? 0.0f : z >= 3.0f ? g : g * (z / 3.0f + 0.5f);
      });
    case kHardSigmoid:
      return each(gradient, saved, [](float g, float a) { return a > 0.0f && a < 1.0f ? g / 6.0f : 0.0f; });
    case kRelu6:
      return each(gradient, saved, [](float g, float a) { return a > 0.0f && a < 6.0f ? g : 0.0f; });
    case kLogSigmoid:
      return each(gradient, saved, [](float g, float a) { return g * -expm1f(a); });
  }
}
