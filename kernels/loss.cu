// Losses with their gradients in one pass. Each row belongs to one group of threads, a warp where rows are short and a
// block where they are long, which sums it in a fixed order. Row i of the batch has its target in row
// order[*cursor + i] of the data set, or in row i where `order` is null. `gradient` may be the prediction itself, or
// null where only the loss is wanted.
#include "activations.cuh"
#include "common.cuh"

constexpr int kBlock = 256;

// A group of GROUP threads, 32 or the whole block, that works on one row.
template <int GROUP>
struct Group {
  float* scratch;  // one element per warp of the block

  __device__ int rank() const { return threadIdx.x % GROUP; }
  __device__ int64 row() const { return (static_cast<int64>(blockIdx.x) * kBlock + threadIdx.x) / GROUP; }

  __device__ float sum(float value) const {
    if constexpr (GROUP == kWarp) return warp_sum(value);
    else return block_sum<kBlock>(value, scratch);
  }

  // The largest value and, among equals, the smallest index; a NaN never wins against a number.
  __device__ void largest(float& value, int& index) const {
#pragma unroll
    for (int offset = kWarp / 2; offset > 0; offset /= 2) {
      better(value, index, __shfl_xor_sync(kFullMask, value, offset), __shfl_xor_sync(kFullMask, index, offset));
    }
    if constexpr (GROUP != kWarp) {
      int* indices = reinterpret_cast<int*>(scratch + kBlock / kWarp);
      if (threadIdx.x % kWarp == 0) {
        scratch[threadIdx.x / kWarp] = value;
        indices[threadIdx.x / kWarp] = index;
      }
      __syncthreads();
      for (int i = 0; i < kBlock / kWarp; i++) better(value, index, scratch[i], indices[i]);
      __syncthreads();
    }
  }

  static __device__ void better(float& value, int& index, float other, int other_index) {
    if (other > value || (other == value && other_index < index)) {
      value = other;
      index = other_index;
    }
  }
};

__device__ __forceinline__ int64 target_row(const int* order, const int* cursor, int64 row) {
  return order ? order[*cursor + row] : row;
}

template <int GROUP>
__device__ void softmax_cross_entropy(const float* logits, const int* labels, const int* order, const int* cursor,
                                      float scale, float* row_losses, float* row_hits, float* gradient, int64 batch,
                                      int classes) {
  __shared__ float scratch[2 * kBlock / kWarp];
  Group<GROUP> group{scratch};
  int64 row = group.row();
  if (row >= batch) return;  // a whole group at once: it owns the row
  const float* z = logits + row * classes;
  int label = labels[target_row(order, cursor, row)];
  bool inside = label >= 0 && label < classes;
  float label_logit = inside ? z[label] : kNaN;

  float max = -kInfinity;
  int arg_max = classes;
  for (int j = group.rank(); j < classes; j += GROUP) Group<GROUP>::better(max, arg_max, z[j], j);
  group.largest(max, arg_max);

  float sum = 0;
  for (int j = group.rank(); j < classes; j += GROUP) sum += expf(z[j] - max);  // NaN and inf - inf end up here
  sum = group.sum(sum);
  float loss = logf(sum) - (label_logit - max);

  if (group.rank() == 0) {
    row_losses[row] = loss;
    if (row_hits) row_hits[row] = arg_max == label && !isnan(loss) ? 1.0f : 0.0f;
  }
  if (!gradient) return;
  __syncwarp();  // every lane has read the label's logit before its owner overwrites it
  for (int j = group.rank(); j < classes; j += GROUP) {
    float softmax = inside ? expf(z[j] - max) / sum : kNaN;
    gradient[row * classes + j] = scale * (softmax - (j == label ? 1.0f : 0.0f));
  }
}

// loss(prediction, target, gradient) gives an element's loss and its derivative; hit(prediction, target) whether a
// classifier was right.
template <int GROUP, typename Element, typename Hit>
__device__ void elementwise_loss(const float* prediction, const float* target, const int* order, const int* cursor,
                                 float scale, float* row_losses, float* row_hits, float* gradient, int64 batch,
                                 int columns, Element element, Hit hit) {
  __shared__ float scratch[2 * kBlock / kWarp];
  Group<GROUP> group{scratch};
  int64 row = group.row();
  if (row >= batch) return;
  const float* p = prediction + row * columns;
  const float* t = target + target_row(order, cursor, row) * columns;
  float sum = 0;
  float hits = 0;
  for (int j = group.rank(); j < columns; j += GROUP) {
    float derivative;
    sum += element(p[j], t[j], derivative);
    hits += hit(p[j], t[j]) ? 1.0f : 0.0f;
    if (gradient) gradient[row * columns + j] = scale * (derivative / columns);
  }
  sum = group.sum(sum);
  hits = group.sum(hits);
  if (group.rank() == 0) {
    row_losses[row] = sum / columns;
    if (row_hits) row_hits[row] = hits / columns;
  }
}

template <int GROUP>
__device__ void squared_error(const float* prediction, const float* target, const int* order, const int* cursor,
                              float scale, float* row_losses, float* gradient, int64 batch, int columns) {
  elementwise_loss<GROUP>(
      prediction, target, order, cursor, scale, row_losses, nullptr, gradient, batch, columns,
      [](float p, float t, float& derivative) {
        float difference = p - t;
        derivative = 2.0f * difference;
        return difference * difference;
      },
      [](float, float) { return false; });
}

// max(z, 0) - z t + log(1 + exp(-|z|)): neither exponential overflows nor logarithm cancels.
template <int GROUP>
__device__ void bce_with_logits(const float* logits, const float* target, const int* order, const int* cursor,
                                float scale, float* row_losses, float* row_hits, float* gradient, int64 batch,
                                int columns) {
  elementwise_loss<GROUP>(
      logits, target, order, cursor, scale, row_losses, row_hits, gradient, batch, columns,
      [](float z, float t, float& derivative) {
        derivative = sigmoid(z) - t;
        return fmaf(-z, t, activate(kRelu, z)) + log1pf(expf(-fabsf(z)));
      },
      [](float z, float t) { return (z > 0.0f) == (t > 0.5f); });
}

#define TALWEG_ROWS(NAME, GROUP)                                                                                  \
  extern "C" __global__ __launch_bounds__(kBlock) void softmax_cross_entropy_##NAME(                              \
      const float* logits, const int* labels, const int* order, const int* cursor, float scale, float* losses,    \
      float* hits, float* gradient, int64 batch, int classes) {                                                   \
    softmax_cross_entropy<GROUP>(logits, labels, order, cursor, scale, losses, hits, gradient, batch, classes);   \
  }                                                                                                               \
  extern "C" __global__ __launch_bounds__(kBlock) void squared_error_##NAME(                                      \
      const float* prediction, const float* target, const int* order, const int* cursor, float scale,             \
      float* losses, float* gradient, int64 batch, int columns) {                                                 \
    squared_error<GROUP>(prediction, target, order, cursor, scale, losses, gradient, batch, columns);             \
  }                                                                                                               \
  extern "C" __global__ __launch_bounds__(kBlock) void bce_with_logits_##NAME(                                    \
      const float* logits, const float* target, const int* order, const int* cursor, float scale, float* losses,  \
      float* hits, float* gradient, int64 batch, int columns) {                                                   \
    bce_with_logits<GROUP>(logits, target, order, cursor, scale, losses, hits, gradient, batch, columns);         \
  }

TALWEG_ROWS(warp, kWarp)
TALWEG_ROWS(block, kBlock)
