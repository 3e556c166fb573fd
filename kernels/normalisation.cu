// Layer, RMS and batch normalisation with their gradients; org.talweg.ops.NormalisationOps has the formulas. And the
// gradient of a bias alone, whose sums are like theirs. Statistics of rows are summed by a group of threads a row, those
// of columns by the lanes of a block, each in a fixed order. Variances take two passes, the second from a cache: nothing
// cancels where the mean is large.
#include "common.cuh"
#include "rows.cuh"

// Columns of a block lie side by side in a warp, so that it reads 128 bytes of a row at once; its lanes are the warps.
constexpr int kLanes = 16;
constexpr int kColumnBlock = kWarp * kLanes;

struct Columns {
  int column;
  int lane;
  bool inside;

  __device__ explicit Columns(int columns)
      : column(blockIdx.x * kWarp + threadIdx.x % kWarp), lane(threadIdx.x / kWarp), inside(column < columns) {}

  // Sum over the lanes of each column, the same bits in all of them.
  static __device__ float sum(float value, float (*scratch)[kWarp]) {
    int at = threadIdx.x % kWarp;
    scratch[threadIdx.x / kWarp][at] = value;
    __syncthreads();
    float total = 0;
#pragma unroll
    for (int i = 0; i < kLanes; i++) total += scratch[i][at];
    __syncthreads();
    return total;
  }
};

__device__ __forceinline__ float element(const float* values, int64 i, float otherwise) {
  return values ? values[i] : otherwise;
}

// Writes or adds, and gives the square of what is then there.
__device__ __forceinline__ float store_gradient(float* gradient, int column, float value, int accumulate) {
  if (!gradient) return 0.0f;
  float result = accumulate ? gradient[column] + value : value;
  gradient[column] = result;
  return result * result;
}

template <bool BLOCK>
__device__ void layer_norm(const float* x, const float* weight, const float* bias, float epsilon, float* mean,
                           float* inverse_deviation, float* output, int64 rows, int columns, int width) {
  __shared__ float scratch[kRowScratch];
  Group<BLOCK> group{width, scratch};
  int64 row = group.row();
  int end = row < rows ? columns : 0;
  const float* values = x + row * columns;
  float m = 0;
  if (mean) {
    float sum = 0;
    for (int j = group.rank(); j < end; j += width) sum += values[j];
    m = group.sum(sum) / columns;
  }
  float squares = 0;
  for (int j = group.rank(); j < end; j += width) squares = fmaf(values[j] - m, values[j] - m, squares);
  float r = 1.0f / sqrtf(group.sum(squares) / columns + epsilon);
  for (int j = group.rank(); j < end; j += width) {
    output[row * columns + j] = fmaf((values[j] - m) * r, element(weight, j, 1.0f), element(bias, j, 0.0f));
  }
  if (group.rank() == 0 && row < rows) {
    if (mean) mean[row] = m;
    inverse_deviation[row] = r;
  }
}

template <bool BLOCK>
__device__ void layer_norm_backward_input(const float* gradient, const float* x, const float* weight,
                                          const float* mean, const float* inverse_deviation, int accumulate,
                                          float* input_gradient, int64 rows, int columns, int width) {
  __shared__ float scratch[kRowScratch];
  Group<BLOCK> group{width, scratch};
  int64 row = group.row();
  int end = row < rows ? columns : 0;
  int64 start = row * columns;
  float m = row < rows ? element(mean, row, 0.0f) : 0.0f;
  float r = row < rows ? inverse_deviation[row] : 0.0f;
  float sum = 0;
  float product = 0;
  for (int j = group.rank(); j < end; j += width) {
    float h = gradient[start + j] * element(weight, j, 1.0f);
    sum += h;
    product = fmaf(h, (x[start + j] - m) * r, product);
  }
  float mean_h = mean ? group.sum(sum) / columns : 0.0f;
  float mean_product = group.sum(product) / columns;
  for (int j = group.rank(); j < end; j += width) {
    float h = gradient[start + j] * element(weight, j, 1.0f);
    float result = r * (h - mean_h - (x[start + j] - m) * r * mean_product);
    input_gradient[start + j] = accumulate ? input_gradient[start + j] + result : result;
  }
}

#define TALWEG_LAYER_NORM(NAME, BLOCK)                                                                               \
  extern "C" __global__ __launch_bounds__(kRowBlock) void layer_norm_##NAME(                                         \
      const float* x, const float* weight, const float* bias, float epsilon, float* mean, float* inverse_deviation,  \
      float* output, int64 rows, int columns, int width) {                                                           \
    layer_norm<BLOCK>(x, weight, bias, epsilon, mean, inverse_deviation, output, rows, columns, width);              \
  }                                                                                                                  \
  extern "C" __global__ __launch_bounds__(kRowBlock) void layer_norm_backward_input_##NAME(                          \
      const float* gradient, const float* x, const float* weight, const float* mean, const float* inverse_deviation, \
      int accumulate, float* input_gradient, int64 rows, int columns, int width) {                                   \
    layer_norm_backward_input<BLOCK>(gradient, x, weight, mean, inverse_deviation, accumulate, input_gradient, rows, \
                                     columns, width);                                                                \
  }

TALWEG_LAYER_NORM(warp, false)
TALWEG_LAYER_NORM(block, true)

// A block's share of the sum of squares: its columns lie in the first lane, which is a warp.
__device__ __forceinline__ void store_squares(const Columns& at, float squares, float* square_partials) {
  if (at.lane == 0 && square_partials) {
    squares = warp_sum(squares);
    if (threadIdx.x == 0) square_partials[blockIdx.x] = squares;
  }
}

extern "C" __global__ __launch_bounds__(kColumnBlock) void layer_norm_backward_weights(
    const float* gradient, const float* x, const float* mean, const float* inverse_deviation, int accumulate,
    float* weight_gradient, float* bias_gradient, float* square_partials, int64 rows, int columns) {
  __shared__ float scratch[kLanes][kWarp];
  Columns at(columns);
  float dw = 0;
  float db = 0;
  for (int64 row = at.lane; at.inside && row < rows; row += kLanes) {
    float dy = gradient[row * columns + at.column];
    dw = fmaf(dy, (x[row * columns + at.column] - element(mean, row, 0.0f)) * inverse_deviation[row], dw);
    db += dy;
  }
  dw = Columns::sum(dw, scratch);
  db = Columns::sum(db, scratch);
  float squares = 0;
  if (at.inside && at.lane == 0) {
    squares = store_gradient(weight_gradient, at.column, dw, accumulate);
    squares += store_gradient(bias_gradient, at.column, db, accumulate);
  }
  store_squares(at, squares, square_partials);
}

// One block holds all rows of its columns: statistics and result in one launch.
extern "C" __global__ __launch_bounds__(kColumnBlock) void batch_norm_train(const float* x, const float* weight,
                                                                            const float* bias, float epsilon,
                                                                            float* mean, float* variance,
                                                                            float* output, int64 rows, int columns) {
  __shared__ float scratch[kLanes][kWarp];
  Columns at(columns);
  float sum = 0;
  for (int64 row = at.lane; at.inside && row < rows; row += kLanes) sum += x[row * columns + at.column];
  float m = Columns::sum(sum, scratch) / rows;
  float squares = 0;
  for (int64 row = at.lane; at.inside && row < rows; row += kLanes) {
    float centred = x[row * columns + at.column] - m;
    squares = fmaf(centred, centred, squares);
  }
  float v = Columns::sum(squares, scratch) / rows;
  if (!at.inside) return;
  if (at.lane == 0) {
    mean[at.column] = m;
    variance[at.column] = v;
  }
  float r = 1.0f / sqrtf(v + epsilon);
  float w = element(weight, at.column, 1.0f);
  float b = element(bias, at.column, 0.0f);
  for (int64 row = at.lane; row < rows; row += kLanes) {
    output[row * columns + at.column] = fmaf((x[row * columns + at.column] - m) * r, w, b);
  }
}

// Column sums of the gradient that a bias was added under, and the sums of squares of what is then there. Reads 4N bytes.
extern "C" __global__ __launch_bounds__(kColumnBlock) void bias_gradient(const float* gradient, int accumulate,
                                                                         float* result, float* square_partials,
                                                                         int64 rows, int columns) {
  __shared__ float scratch[kLanes][kWarp];
  Columns at(columns);
  float sum = 0;
  for (int64 row = at.lane; at.inside && row < rows; row += kLanes) sum += gradient[row * columns + at.column];
  sum = Columns::sum(sum, scratch);
  float squares = at.inside && at.lane == 0 ? store_gradient(result, at.column, sum, accumulate) : 0.0f;
  store_squares(at, squares, square_partials);
}

// With given statistics; gridDim.y shares out the rows.
extern "C" __global__ __launch_bounds__(kColumnBlock) void batch_norm_predict(const float* x, const float* weight,
                                                                              const float* bias, float epsilon,
                                                                              const float* mean,
                                                                              const float* variance, float* output,
                                                                              int64 rows, int columns) {
  Columns at(columns);
  if (!at.inside) return;
  float m = mean[at.column];
  float r = 1.0f / sqrtf(variance[at.column] + epsilon);
  float w = element(weight, at.column, 1.0f);
  float b = element(bias, at.column, 0.0f);
  for (int64 row = blockIdx.y * kLanes + at.lane; row < rows; row += gridDim.y * kLanes) {
    output[row * columns + at.column] = fmaf((x[row * columns + at.column] - m) * r, w, b);
  }
}

extern "C" __global__ __launch_bounds__(kColumnBlock) void batch_norm_backward(
    const float* gradient, const float* x, const float* weight, float epsilon, int from_batch, const float* mean,
    const float* variance, int accumulate, float* weight_gradient, float* bias_gradient, float* square_partials,
    int accumulate_input, float* input_gradient, int64 rows, int columns) {
  __shared__ float scratch[kLanes][kWarp];
  Columns at(columns);
  float m = at.inside ? mean[at.column] : 0.0f;
  float r = at.inside ? 1.0f / sqrtf(variance[at.column] + epsilon) : 0.0f;
  float dw = 0;
  float db = 0;
  for (int64 row = at.lane; at.inside && row < rows; row += kLanes) {
    float dy = gradient[row * columns + at.column];
    dw = fmaf(dy, (x[row * columns + at.column] - m) * r, dw);
    db += dy;
  }
  dw = Columns::sum(dw, scratch);
  db = Columns::sum(db, scratch);
  if (at.inside && input_gradient) {
    float factor = r * element(weight, at.column, 1.0f);
    for (int64 row = at.lane; row < rows; row += kLanes) {
      int64 i = row * columns + at.column;
      float through = from_batch ? fmaf((x[i] - m) * r, dw, db) / rows : 0.0f;
      float result = factor * (gradient[i] - through);
      input_gradient[i] = accumulate_input ? input_gradient[i] + result : result;
    }
  }
  float squares = 0;
  if (at.inside && at.lane == 0) {
    squares = store_gradient(weight_gradient, at.column, dw, accumulate);
    squares += store_gradient(bias_gradient, at.column, db, accumulate);
  }
  store_squares(at, squares, square_partials);
}

// `unbiased` is rows / (rows - 1).
extern "C" __global__ void update_running_statistics(const float* skip, const float* mean, const float* variance,
                                                     float unbiased, float momentum, float* running_mean,
                                                     float* running_variance, int columns) {
  int64 j = global_thread();
  if (j >= columns || *skip != 0.0f) return;
  running_mean[j] = fmaf(momentum, mean[j], (1.0f - momentum) * running_mean[j]);
  running_variance[j] = fmaf(momentum, variance[j] * unbiased, (1.0f - momentum) * running_variance[j]);
}
