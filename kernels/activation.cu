// Activations on their own, for values that no matrix product's epilogue covers. Elementwise, 16 bytes a thread:
// forward reads 4N and writes 4N bytes, backward reads 8N and writes 4N.
#include "activations.cuh"
#include "common.cuh"

extern "C" __global__ void activation_forward(const float* input, float* output, int activation, int64 length) {
  for_each_element(
      length, is_aligned16(input) && is_aligned16(output),
      [&](int64 i) {
        float4 z = load4(input + i);
        store4(output + i, make_float4(activate(activation, z.x), activate(activation, z.y),
                                       activate(activation, z.z), activate(activation, z.w)));
      },
      [&](int64 i) { output[i] = activate(activation, input[i]); });
}

// `saved` is not read for the identity and may be null then.
extern "C" __global__ void activation_backward(const float* gradient, const float* saved, float* input_gradient,
                                               int activation, int accumulate, int64 length) {
  auto derivative = [&](float upstream, float value, float before) {
    float result = differentiate(activation, upstream, value);
    return accumulate ? before + result : result;
  };
  const float* values = activation == kIdentity ? gradient : saved;
  for_each_element(
      length, is_aligned16(gradient) && is_aligned16(values) && is_aligned16(input_gradient),
      [&](int64 i) {
        float4 g = load4(gradient + i);
        float4 s = load4(values + i);
        float4 before = accumulate ? load4(input_gradient + i) : make_float4(0, 0, 0, 0);
        store4(input_gradient + i, make_float4(derivative(g.x, s.x, before.x), derivative(g.y, s.y, before.y),
                                               derivative(g.z, s.z, before.z), derivative(g.w, s.w, before.w)));
      },
      [&](int64 i) {
        input_gradient[i] = derivative(gradient[i], values[i], accumulate ? input_gradient[i] : 0.0f);
      });
}
