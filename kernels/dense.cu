// The three matrix products of a dense layer, each with everything around it fused in; org.talweg.ops.DenseOps has
// the formulas. Every kernel comes in three tilings, chosen by the host so that the grid fills the chip: tiles of 32,
// 64 and 128. Sums run in the order of k, whatever the schedule.
#include "activations.cuh"
#include "tile.cuh"

// Four values of one row, at columns that are neighbours; stored together where 16-byte access is possible.
__device__ __forceinline__ void put4(float* row, int column, int columns, bool vectors, const float* values) {
  if (vectors && column + 3 < columns) {
    store4(row + column, make_float4(values[0], values[1], values[2], values[3]));
  } else {
    for (int j = 0; j < 4; j++) {
      if (column + j < columns) row[column + j] = values[j];
    }
  }
}

// Row 0 of a thread's sums; the others move up. An epilogue takes its rows this way, in a loop that is not unrolled, so
// that it holds the code of every activation once and not once a row.
template <int ROWS, int COLUMNS>
__device__ __forceinline__ void take_row(float (&sums)[ROWS][COLUMNS], float (&row)[COLUMNS]) {
#pragma unroll
  for (int j = 0; j < COLUMNS; j++) {
    row[j] = sums[0][j];
#pragma unroll
    for (int i = 0; i + 1 < ROWS; i++) sums[i][j] = sums[i + 1][j];
  }
}

// This thread's values of one row of a matrix.
template <typename T>
__device__ __forceinline__ void fetch_row(const float* row, int first_column, int columns, bool vectors,
                                          float (&values)[T::kMicro]) {
#pragma unroll
  for (int j = 0; j < T::kMicro; j += 4) {
    float4 four = fetch4(row, first_column + T::column(j), columns, vectors);
    values[j] = four.x;
    values[j + 1] = four.y;
    values[j + 2] = four.z;
    values[j + 3] = four.w;
  }
}

// A = f(X W^T + b). X [batch x inputs], W [outputs x inputs]; both lie along k.
template <int TILE, int MICRO>
__device__ void forward(const float* x, const int* order, const int* cursor, const float* weights, const float* bias,
                        const Activation& activation, float* pre_activation, float* output, int batch, int outputs,
                        int inputs) {
  using T = Tiling<TILE, MICRO>;
  __shared__ typename T::Shared shared;
  int first_row = blockIdx.y * TILE;
  int first_column = blockIdx.x * TILE;
  Side<true, TILE, T::kThreads> a({x, order ? order + *cursor : nullptr, inputs}, first_row, batch);
  Side<true, TILE, T::kThreads> b({weights, nullptr, inputs}, first_column, outputs);
  float sums[MICRO][MICRO] = {};
  T::multiply(a, b, 0, inputs, shared, sums, nullptr);

  bool vectors = outputs % 4 == 0 && is_aligned16(output) && is_aligned16(pre_activation);
  float biases[MICRO];
#pragma unroll
  for (int j = 0; j < MICRO; j++) {
    int column = first_column + T::column(j);
    biases[j] = bias && column < outputs ? bias[column] : 0.0f;
  }
#pragma unroll 1
  for (int i = 0; i < MICRO && first_row + T::row(i) < batch; i++) {
    int64 start = static_cast<int64>(first_row + T::row(i)) * outputs;
    float z[MICRO];
    take_row(sums, z);
#pragma unroll
    for (int j = 0; j < MICRO; j++) z[j] += biases[j];
    if (pre_activation) {
#pragma unroll
      for (int j = 0; j < MICRO; j += 4) put4(pre_activation + start, first_column + T::column(j), outputs, vectors, z + j);
    }
    activate(activation, z);
#pragma unroll
    for (int j = 0; j < MICRO; j += 4) put4(output + start, first_column + T::column(j), outputs, vectors, z + j);
  }
}

// dX = (dZ W) * f'(saved). dZ [batch x outputs] lies along k, W [outputs x inputs] across it.
template <int TILE, int MICRO>
__device__ void backward_input(const float* gradient, const float* weights, const Activation& below,
                               const float* saved, int accumulate, float* input_gradient, int batch, int outputs,
                               int inputs) {
  using T = Tiling<TILE, MICRO>;
  __shared__ typename T::Shared shared;
  int first_row = blockIdx.y * TILE;
  int first_column = blockIdx.x * TILE;
  Side<true, TILE, T::kThreads> a({gradient, nullptr, outputs}, first_row, batch);
  Side<false, TILE, T::kThreads> b({weights, nullptr, inputs}, first_column, inputs);
  float sums[MICRO][MICRO] = {};
  T::multiply(a, b, 0, outputs, shared, sums, nullptr);

  bool derivative = below.kind != kIdentity;
  bool vectors = inputs % 4 == 0 && is_aligned16(input_gradient) && (!derivative || is_aligned16(saved));
#pragma unroll 1
  for (int i = 0; i < MICRO && first_row + T::row(i) < batch; i++) {
    int64 start = static_cast<int64>(first_row + T::row(i)) * inputs;
    float result[MICRO];
    take_row(sums, result);
    if (derivative) {
      float values[MICRO];
      fetch_row<T>(saved + start, first_column, inputs, vectors, values);
      differentiate(below, result, values);
    }
    if (accumulate) {
      float before[MICRO];
      fetch_row<T>(input_gradient + start, first_column, inputs, vectors, before);
#pragma unroll
      for (int j = 0; j < MICRO; j++) result[j] += before[j];
    }
#pragma unroll
    for (int j = 0; j < MICRO; j += 4) put4(input_gradient + start, first_column + T::column(j), inputs, vectors, result + j);
  }
}

// One counter per tile of a split product: how many of its blocks are done. Zero between launches, which the last
// block of each tile sees to; launches of one context are ordered by its stream. The host splits no product of more
// tiles than this.
constexpr int kMaxSplitTiles = 1024;
__device__ int tickets[kMaxSplitTiles];

// dW = dZ^T X, db = column sums of dZ, and the sum of squares of what this tile stored. Both operands lie across k,
// which is the batch. With several splits (gridDim.z), each block sums its share of the batch into the workspace; the
// one that comes last adds the shares in the order of the splits, so the result does not depend on who that is.
template <int TILE, int MICRO>
__device__ void backward_weights(const float* x, const int* order, const int* cursor, const float* gradient,
                                 int accumulate, float* weight_gradient, float* bias_gradient, float* square_partials,
                                 float* workspace, int batch, int outputs, int inputs, int share) {
  using T = Tiling<TILE, MICRO>;
  constexpr int kShareFloats = TILE * TILE + TILE;  // a block's sums, then its column sums
  __shared__ typename T::Shared shared;
  __shared__ float scratch[T::kThreads / kWarp];
  __shared__ bool last;
  int first_row = blockIdx.y * TILE;
  int first_column = blockIdx.x * TILE;
  int tile = blockIdx.y * gridDim.x + blockIdx.x;
  int splits = gridDim.z;
  int k_begin = blockIdx.z * share;
  int k_end = min(k_begin + share, batch);
  bool sums_bias = bias_gradient && blockIdx.x == 0;

  Side<false, TILE, T::kThreads> a({gradient, nullptr, outputs}, first_row, outputs);
  Side<false, TILE, T::kThreads> b({x, order ? order + *cursor : nullptr, inputs}, first_column, inputs);
  float sums[MICRO][MICRO] = {};
  float column_sum = 0;
  T::multiply(a, b, k_begin, k_end, shared, sums, sums_bias ? &column_sum : nullptr);

  if (splits > 1) {
    float* shares = workspace + static_cast<int64>(tile) * splits * kShareFloats;
    float* own = shares + static_cast<int64>(blockIdx.z) * kShareFloats;
    // Thread-major, so that neighbours write neighbours.
#pragma unroll
    for (int i = 0; i < MICRO * MICRO; i++) own[i * T::kThreads + threadIdx.x] = sums[i / MICRO][i % MICRO];
    if (threadIdx.x < TILE) own[TILE * TILE + threadIdx.x] = column_sum;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
      last = atomicAdd(&tickets[tile], 1) == splits - 1;
      if (last) tickets[tile] = 0;  // ready for the next launch
    }
    __syncthreads();
    if (!last) return;
    __threadfence();
#pragma unroll
    for (int i = 0; i < MICRO * MICRO; i++) sums[i / MICRO][i % MICRO] = 0;
    column_sum = 0;
    for (int split = 0; split < splits; split++) {
      const float* theirs = shares + static_cast<int64>(split) * kShareFloats;
#pragma unroll
      for (int i = 0; i < MICRO * MICRO; i++) {
        sums[i / MICRO][i % MICRO] += __ldcg(&theirs[i * T::kThreads + threadIdx.x]);
      }
      if (threadIdx.x < TILE) column_sum += __ldcg(&theirs[TILE * TILE + threadIdx.x]);
    }
  }

  float squares = 0;
  bool vectors = inputs % 4 == 0 && is_aligned16(weight_gradient);
#pragma unroll
  for (int i = 0; i < MICRO; i++) {
    int row = first_row + T::row(i);
    if (row >= outputs) continue;
    float* target = weight_gradient + static_cast<int64>(row) * inputs;
#pragma unroll
    for (int j = 0; j < MICRO; j += 4) {
      int column = first_column + T::column(j);
      float result[4] = {sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3]};
      if (accumulate) {
        float4 before = fetch4(target, column, inputs, vectors);
        result[0] += before.x;
        result[1] += before.y;
        result[2] += before.z;
        result[3] += before.w;
      }
      put4(target, column, inputs, vectors, result);
#pragma unroll
      for (int q = 0; q < 4; q++) {
        if (column + q < inputs) squares = fmaf(result[q], result[q], squares);
      }
    }
  }
  if (sums_bias && threadIdx.x < TILE && first_row + threadIdx.x < outputs) {
    float* target = bias_gradient + first_row + threadIdx.x;
    float result = accumulate ? *target + column_sum : column_sum;
    *target = result;
    squares = fmaf(result, result, squares);
  }
  if (square_partials) {
    squares = block_sum<T::kThreads>(squares, scratch);
    if (threadIdx.x == 0) square_partials[tile] = squares;
  }
}

#define TALWEG_DENSE(TILE, MICRO)                                                                                     \
  extern "C" __global__ __launch_bounds__(Tiling<TILE, MICRO>::kThreads, 1) void dense_forward_##TILE(                \
      const float* x, const int* order, const int* cursor, const float* weights, const float* bias, int activation,   \
      float p, float q, float* pre_activation, float* output, int batch, int outputs, int inputs) {                   \
    forward<TILE, MICRO>(x, order, cursor, weights, bias, {activation, p, q}, pre_activation, output, batch, outputs, \
                         inputs);                                                                                     \
  }                                                                                                                   \
  extern "C" __global__ __launch_bounds__(Tiling<TILE, MICRO>::kThreads, 1) void dense_backward_input_##TILE(         \
      const float* gradient, const float* weights, int below, float p, float q, const float* saved, int accumulate,   \
      float* input_gradient, int batch, int outputs, int inputs) {                                                    \
    backward_input<TILE, MICRO>(gradient, weights, {below, p, q}, saved, accumulate, input_gradient, batch, outputs,  \
                                inputs);                                                                              \
  }                                                                                                                   \
  extern "C" __global__ __launch_bounds__(Tiling<TILE, MICRO>::kThreads, 1) void dense_backward_weights_##TILE(       \
      const float* x, const int* order, const int* cursor, const float* gradient, int accumulate,                     \
      float* weight_gradient, float* bias_gradient, float* square_partials, float* workspace, int batch,              \
      int outputs, int inputs, int share) {                                                                           \
    backward_weights<TILE, MICRO>(x, order, cursor, gradient, accumulate, weight_gradient, bias_gradient,             \
                                  square_partials, workspace, batch, outputs, inputs, share);                         \
  }

TALWEG_DENSE(32, 4)
TALWEG_DENSE(64, 4)
TALWEG_DENSE(128, 8)
