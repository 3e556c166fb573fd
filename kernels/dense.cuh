// What a dense layer's three products do around the sums: bias, activation, derivative, accumulation, norms. Written
// once for every tiling T: who computes which elements is T's business, see Tiling in tile.cuh.
#pragma once
#include "activations.cuh"
#include "common.cuh"

// RUN values of one row, at columns that are neighbours; stored together where the row's alignment allows.
template <int RUN>
__device__ __forceinline__ void put(float* row, int column, int columns, bool vectors, const float* values) {
  if (vectors && column + RUN - 1 < columns) {
    if constexpr (RUN == 4) store4(row + column, make_float4(values[0], values[1], values[2], values[3]));
    else *reinterpret_cast<float2*>(row + column) = make_float2(values[0], values[1]);
  } else {
#pragma unroll
    for (int j = 0; j < RUN; j++) {
      if (column + j < columns) row[column + j] = values[j];
    }
  }
}

// Their like, read; zero beyond the row.
template <int RUN>
__device__ __forceinline__ void fetch(const float* row, int column, int columns, bool vectors, float* values) {
  if (vectors && column + RUN - 1 < columns) {
    if constexpr (RUN == 4) *reinterpret_cast<float4*>(values) = load4(row + column);
    else *reinterpret_cast<float2*>(values) = *reinterpret_cast<const float2*>(row + column);
  } else {
#pragma unroll
    for (int j = 0; j < RUN; j++) values[j] = column + j < columns ? row[column + j] : 0.0f;
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
                                          float (&values)[T::kColumns]) {
#pragma unroll
  for (int j = 0; j < T::kColumns; j += T::kRun) {
    fetch<T::kRun>(row, first_column + T::column(j), columns, vectors, values + j);
  }
}

template <typename T>
__device__ __forceinline__ void put_row(float* row, int first_column, int columns, bool vectors,
                                        const float (&values)[T::kColumns]) {
#pragma unroll
  for (int j = 0; j < T::kColumns; j += T::kRun) {
    put<T::kRun>(row, first_column + T::column(j), columns, vectors, values + j);
  }
}

// A = f(X W^T + b). X [batch x inputs], W [outputs x inputs]; both lie along k.
template <typename T>
__device__ void forward(const float* x, const int* order, const int* cursor, const float* weights, const float* bias,
                        const Activation& activation, float* pre_activation, float* output, int batch, int outputs,
                        int inputs) {
  __shared__ typename T::Shared shared;
  int first_row = blockIdx.y * T::kTile;
  int first_column = blockIdx.x * T::kTile;
  typename T::template Operand<true> a({x, order ? order + *cursor : nullptr, inputs}, first_row, batch);
  typename T::template Operand<true> b({weights, nullptr, inputs}, first_column, outputs);
  float sums[T::kRows][T::kColumns] = {};
  T::multiply(a, b, 0, inputs, shared, sums, nullptr);

  bool vectors = outputs % 4 == 0 && is_aligned16(output) && is_aligned16(pre_activation);
  float biases[T::kColumns];
#pragma unroll
  for (int j = 0; j < T::kColumns; j++) {
    int column = first_column + T::column(j);
    biases[j] = bias && column < outputs ? bias[column] : 0.0f;
  }
#pragma unroll 1
  for (int i = 0; i < T::kRows && first_row + T::row(i) < batch; i++) {
    int64 start = static_cast<int64>(first_row + T::row(i)) * outputs;
    float z[T::kColumns];
    take_row(sums, z);
#pragma unroll
    for (int j = 0; j < T::kColumns; j++) z[j] += biases[j];
    if (pre_activation) put_row<T>(pre_activation + start, first_column, outputs, vectors, z);
    activate(activation, z);
    put_row<T>(output + start, first_column, outputs, vectors, z);
  }
}

// dX = (dZ W) * f'(saved). dZ [batch x outputs] lies along k, W [outputs x inputs] across it.
template <typename T>
__device__ void backward_input(const float* gradient, const float* weights, const Activation& below,
                               const float* saved, int accumulate, float* input_gradient, int batch, int outputs,
                               int inputs) {
  __shared__ typename T::Shared shared;
  int first_row = blockIdx.y * T::kTile;
  int first_column = blockIdx.x * T::kTile;
  typename T::template Operand<true> a({gradient, nullptr, outputs}, first_row, batch);
  typename T::template Operand<false> b({weights, nullptr, inputs}, first_column, inputs);
  float sums[T::kRows][T::kColumns] = {};
  T::multiply(a, b, 0, outputs, shared, sums, nullptr);

  bool derivative = below.kind != kIdentity;
  bool vectors = inputs % 4 == 0 && is_aligned16(input_gradient) && (!derivative || is_aligned16(saved));
#pragma unroll 1
  for (int i = 0; i < T::kRows && first_row + T::row(i) < batch; i++) {
    int64 start = static_cast<int64>(first_row + T::row(i)) * inputs;
    float result[T::kColumns];
    take_row(sums, result);
    if (derivative) {
      float values[T::kColumns];
      fetch_row<T>(saved + start, first_column, inputs, vectors, values);
      differentiate(below, result, values);
    }
    if (accumulate) {
      float before[T::kColumns];
      fetch_row<T>(input_gradient + start, first_column, inputs, vectors, before);
#pragma unroll
      for (int j = 0; j < T::kColumns; j++) result[j] += before[j];
    }
    put_row<T>(input_gradient + start, first_column, inputs, vectors, result);
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
template <typename T>
__device__ void backward_weights(const float* x, const int* order, const int* cursor, const float* gradient,
                                 int accumulate, float* weight_gradient, float* bias_gradient, float* square_partials,
                                 float* workspace, int batch, int outputs, int inputs, int share) {
  constexpr int kShareFloats = T::kTile * T::kTile + T::kTile;  // a block's sums, then its column sums
  __shared__ typename T::Shared shared;
  int first_row = blockIdx.y * T::kTile;
  int first_column = blockIdx.x * T::kTile;
  int tile = blockIdx.y * gridDim.x + blockIdx.x;
  int splits = gridDim.z;
  int k_begin = blockIdx.z * share;
  int k_end = min(k_begin + share, batch);
  bool sums_bias = bias_gradient && blockIdx.x == 0;

  typename T::template Operand<false> a({gradient, nullptr, outputs}, first_row, outputs);
  typename T::template Operand<false> b({x, order ? order + *cursor : nullptr, inputs}, first_column, inputs);
  float sums[T::kRows][T::kColumns] = {};
  float column_sum = 0;
  T::multiply(a, b, k_begin, k_end, shared, sums, sums_bias ? &column_sum : nullptr);

  if (splits > 1) {
    float* shares = workspace + static_cast<int64>(tile) * splits * kShareFloats;
    float* own = shares + static_cast<int64>(blockIdx.z) * kShareFloats;
    // Thread-major, so that neighbours write neighbours.
#pragma unroll
    for (int i = 0; i < T::kRows * T::kColumns; i++) own[i * T::kThreads + threadIdx.x] = sums[i / T::kColumns][i % T::kColumns];
    if (threadIdx.x < T::kTile) own[T::kTile * T::kTile + threadIdx.x] = column_sum;
    __threadfence();
    __syncthreads();
    bool closes = threadIdx.x == 0 && atomicAdd(&tickets[tile], 1) == splits - 1;
    if (closes) tickets[tile] = 0;  // ready for the next launch
    bool last = __syncthreads_or(closes);
    if (!last) return;
    __threadfence();
#pragma unroll
    for (int i = 0; i < T::kRows * T::kColumns; i++) sums[i / T::kColumns][i % T::kColumns] = 0;
    column_sum = 0;
    for (int split = 0; split < splits; split++) {
      const float* theirs = shares + static_cast<int64>(split) * kShareFloats;
#pragma unroll
      for (int i = 0; i < T::kRows * T::kColumns; i++) {
        sums[i / T::kColumns][i % T::kColumns] += __ldcg(&theirs[i * T::kThreads + threadIdx.x]);
      }
      if (threadIdx.x < T::kTile) column_sum += __ldcg(&theirs[T::kTile * T::kTile + threadIdx.x]);
    }
  }

  float squares = 0;
  bool vectors = inputs % 4 == 0 && is_aligned16(weight_gradient);
#pragma unroll
  for (int i = 0; i < T::kRows; i++) {
    int row = first_row + T::row(i);
    if (row >= outputs) continue;
    float* target = weight_gradient + static_cast<int64>(row) * inputs;
    if (accumulate) {
      float before[T::kColumns];
      fetch_row<T>(target, first_column, inputs, vectors, before);
#pragma unroll
      for (int j = 0; j < T::kColumns; j++) sums[i][j] += before[j];
    }
    put_row<T>(target, first_column, inputs, vectors, sums[i]);
#pragma unroll
    for (int j = 0; j < T::kColumns; j++) {
      if (first_column + T::column(j) < inputs) squares = fmaf(sums[i][j], sums[i][j], squares);
    }
  }
  if (sums_bias && threadIdx.x < T::kTile && first_row + threadIdx.x < outputs) {
    float* target = bias_gradient + first_row + threadIdx.x;
    float result = accumulate ? *target + column_sum : column_sum;
    *target = result;
    squares = fmaf(result, result, squares);
  }
  if (square_partials) {
    // The tiles have been read: multiply ends with a barrier.
    squares = block_sum<T::kThreads>(squares, reinterpret_cast<float*>(&shared));
    if (threadIdx.x == 0) square_partials[tile] = squares;
  }
}

// The three kernels of one tiling. PRODUCT is its name in the kernels' names, the rest its type.
#define TALWEG_DENSE(PRODUCT, ...)                                                                                    \
  extern "C" __global__ __launch_bounds__(__VA_ARGS__::kThreads, 1) void dense_forward_##PRODUCT(                     \
      const float* x, const int* order, const int* cursor, const float* weights, const float* bias, int activation,   \
      float p, float q, float* pre_activation, float* output, int batch, int outputs, int inputs) {                   \
    forward<__VA_ARGS__>(x, order, cursor, weights, bias, {activation, p, q}, pre_activation, output, batch, outputs, \
                         inputs);                                                                                     \
  }                                                                                                                   \
  extern "C" __global__ __launch_bounds__(__VA_ARGS__::kThreads, 1) void dense_backward_input_##PRODUCT(              \
      const float* gradient, const float* weights, int below, float p, float q, const float* saved, int accumulate,   \
      float* input_gradient, int batch, int outputs, int inputs) {                                                    \
    backward_input<__VA_ARGS__>(gradient, weights, {below, p, q}, saved, accumulate, input_gradient, batch, outputs,  \
                                inputs);                                                                              \
  }                                                                                                                   \
  extern "C" __global__ __launch_bounds__(__VA_ARGS__::kThreads, 1) void dense_backward_weights_##PRODUCT(            \
      const float* x, const int* order, const int* cursor, const float* gradient, int accumulate,                     \
      float* weight_gradient, float* bias_gradient, float* square_partials, float* workspace, int batch,              \
      int outputs, int inputs, int share) {                                                                           \
    backward_weights<__VA_ARGS__>(x, order, cursor, gradient, accumulate, weight_gradient, bias_gradient,             \
                                  square_partials, workspace, batch, outputs, inputs, share);                         \
  }
