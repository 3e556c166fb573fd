// Activations and their derivatives, for epilogues and for the elementwise kernels. The numbers are those of
// org.talweg.ops.Activation.ordinal().
#pragma once

enum Activation { kIdentity = 0, kRelu = 1, kTanh = 2, kSigmoid = 3, kGelu = 4 };

constexpr float kSqrtHalf = 0.70710678118654752f;
constexpr float kOneOverSqrtTwoPi = 0.39894228040143268f;

// Phi(z), the normal distribution. erfc keeps the relative accuracy that 1 + erf loses in the left tail.
__device__ __forceinline__ float normal_distribution(float z) {
  return 0.5f * erfcf(-z * kSqrtHalf);
}

__device__ __forceinline__ float sigmoid(float z) {
  return 1.0f / (1.0f + expf(-z));
}

__device__ __forceinline__ float activate(int activation, float z) {
  switch (activation) {
    case kRelu:
      return z > 0.0f || isnan(z) ? z : 0.0f;  // fmaxf would turn NaN into 0
    case kTanh:
      return tanhf(z);
    case kSigmoid:
      return sigmoid(z);
    case kGelu:
      return z * normal_distribution(z);
    default:
      return z;
  }
}

// gradient * f'(saved), where `saved` is f's input for GELU and its output for the others.
__device__ __forceinline__ float differentiate(int activation, float gradient, float saved) {
  switch (activation) {
    case kRelu:
      return saved > 0.0f ? gradient : 0.0f;
    case kTanh:
      return gradient * fmaf(-saved, saved, 1.0f);
    case kSigmoid:
      return gradient * (saved * (1.0f - saved));
    case kGelu: {
      float density = kOneOverSqrtTwoPi * expf(-0.5f * saved * saved);
      return gradient * fmaf(saved, density, normal_distribution(saved));
    }
    default:
      return gradient;
  }
}
