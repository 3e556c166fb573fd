// Activations on their own, for values that no matrix product's epilogue covers. Elementwise, 16 bytes a thread:
// forward reads 4N and writes 4N bytes, backward reads 8N and writes 4N. And softmax, a group of threads a row.
#include "activations.cuh"
#include "common.cuh"
#include "rows.cuh"

extern "C" __global__ void activation_forward(const float* input, float* output, int kind, float p, float q,
                                              int64 length) {
  Activation activation(kind, p, q);
  for_each_element(
      length, is_aligned16(input) && is_aligned16(output),
      [&](int64 i) {
        float4 z = load4(input + i);
        float four[4] = {z.x, z.y, z.z, z.w};
        activate(activation, four);
        store4(output + i, make_float4(four[0], four[1], four[2], four[3]));
      },
      [&](int64 i) { output[i] = activate(activation, input[i]); });
}

// `saved` is not read for the identity and may be null then.
extern "C" __global__ void activation_backward(const float* gradient, const float* saved, float* input_gradient,
                                               int kind, float p, float q, int accumulate, int64 length) {
  Activation activation(kind, p, q);
  for_each_element(
      length, is_aligned16(gradient) && (kind == kIdentity || is_aligned16(saved)) && is_aligned16(input_gradient),
      [&](int64 i) {
        float4 g = load4(gradient + i);
        float4 s = kind == kIdentity ? g : load4(saved + i);
        float4 before = accumulate ? load4(input_gradient + i) : make_float4(0, 0, 0, 0);
        float result[4] = {g.x, g.y, g.z, g.w};
        differentiate(activation, result, {s.x, s.y, s.z, s.w});
        store4(input_gradient + i, accumulate ? make_float4(before.x + result[0], before.y + result[1],
                                                            before.z + result[2], before.w + result[3])
                                              : make_float4(result[0], result[1], result[2], result[3]));
      },
      [&](int64 i) {
        float result[1] = {gradient[i]};
        differentiate(activation, result, {kind == kIdentity ? gradient[i] : saved[i]});
        input_gradient[i] = accumulate ? input_gradient[i] + result[0] : result[0];
      });
}

// A = f(Z + b), where `output` holds Z without its bias, of a product that another library computed. Reads and writes 4N
// bytes, and another 4N for a pre-activation, which may be null, as may the bias.
extern "C" __global__ void bias_activation(const float* bias, int kind, float p, float q, float* pre_activation,
                                           float* output, int columns, int64 length) {
  Activation activation(kind, p, q);
  for_each_element(
      length, columns % 4 == 0 && is_aligned16(bias) && is_aligned16(pre_activation) && is_aligned16(output),
      [&](int64 i) {
        float4 z = load4(output + i);
        if (bias) {
          float4 b = load4(bias + i % columns);
          z = make_float4(z.x + b.x, z.y + b.y, z.z + b.z, z.w + b.w);
        }
        if (pre_activation) store4(pre_activation + i, z);
        float four[4] = {z.x, z.y, z.z, z.w};
        activate(activation, four);
        store4(output + i, make_float4(four[0], four[1], four[2], four[3]));
      },
      [&](int64 i) {
        float z = bias ? output[i] + bias[i % columns] : output[i];
        if (pre_activation) pre_activation[i] = z;
        output[i] = activate(activation, z);
      });
}

template <bool BLOCK>
__device__ void softmax(const float* input, float* output, int log, int64 rows, int columns, int width) {
  __shared__ float scratch[kRowScratch];
  Group<BLOCK> group{width, scratch};
  int64 row = group.row();
  int end = row < rows ? columns : 0;
  const float* z = input + row * columns;
  float max = -kInfinity;
  for (int j = group.rank(); j < end; j += width) max = fmaxf(max, z[j]);
  max = group.largest(max);
  float sum = 0;
  for (int j = group.rank(); j < end; j += width) sum += expf(z[j] - max);  // NaN and inf - inf end up here
  sum = group.sum(sum);
  float log_sum = logf(sum);
  for (int j = group.rank(); j < end; j += width) {
    output[row * columns + j] = log ? z[j] - max - log_sum : expf(z[j] - max) / sum;
  }
}

template <bool BLOCK>
__device__ void softmax_backward(const float* gradient, const float* output, int log, int accumulate,
                                 float* input_gradient, int64 rows, int columns, int width) {
  __shared__ float scratch[kRowScratch];
  Group<BLOCK> group{width, scratch};
  int64 row = group.row();
  int end = row < rows ? columns : 0;
  int64 start = row * columns;
  float sum = 0;
  for (int j = group.rank(); j < end; j += width) {
    float g = gradient[start + j];
    sum = log ? sum + g : fmaf(g, output[start + j], sum);
  }
  sum = group.sum(sum);
  for (int j = group.rank(); j < end; j += width) {
    float g = gradient[start + j];
    float a = output[start + j];
    float result = log ? fmaf(-expf(a), sum, g) : a * (g - sum);
    input_gradient[start + j] = accumulate ? input_gradient[start + j] + result : result;
  }
}

#define TALWEG_SOFTMAX(NAME, BLOCK)                                                                     \
  extern "C" __global__ __launch_bounds__(kRowBlock) void softmax_##NAME(                               \
      const float* input, float* output, int log, int64 rows, int columns, int width) {                 \
    softmax<BLOCK>(input, output, log, rows, columns, width);                                           \
  }                                                                                                     \
  extern "C" __global__ __launch_bounds__(kRowBlock) void softmax_backward_##NAME(                      \
      const float* gradient, const float* output, int log, int accumulate, float* input_gradient,       \
      int64 rows, int columns, int width) {                                                             \
    softmax_backward<BLOCK>(gradient, output, log, accumulate, input_gradient, rows, columns, width);   \
  }

TALWEG_SOFTMAX(warp, false)
TALWEG_SOFTMAX(block, true)
