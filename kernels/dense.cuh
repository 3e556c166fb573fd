// What a dense layer's three products do around the sums: bias, activation, derivative, accumulation, norms. Written
// once for every tiling T: who computes which elements is T's business, see Tiling in tile.cuh.
#pragma once
#include "activations.cuh"
#include "matrix_rows.cuh"

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

// Calls body(row, column, values) for the runs of neighbours that a thread holds of a tile, row by row; rows of the matrix
// end before `rows`. Loops, and values that move up in registers, where unrolling would repeat the code of every
// activation for each run.
template <typename T, typename Body>
__device__ __forceinline__ void for_each_run(float (&sums)[T::kRows][T::kColumns], int first_row, int first_column,
                                             int rows, Body body) {
  constexpr int kRun = T::kRun;
#pragma unroll 1
  for (int i = 0; i < T::kRows && first_row + T::row(i) < rows; i++) {
    float row[T::kColumns];
#pragma unroll
    for (int j = 0; j < T::kColumns; j++) {
      row[j] = sums[0][j];
#pragma unroll
      for (int k = 0; k + 1 < T::kRows; k++) sums[k][j] = sums[k + 1][j];
    }
#pragma unroll 1
    for (int j = 0; j < T::kColumns; j += kRun) {
      float values[kRun];
#pragma unroll
      for (int k = 0; k < kRun; k++) values[k] = row[k];
#pragma unroll
      for (int k = kRun; k < T::kColumns; k++) row[k - kRun] = row[k];
      body(first_row + T::row(i), first_column + T::column(j), values);
    }
  }
}

// A = f(X W^T + b). X [batch x inputs], W [outputs x inputs]; both lie along k.
template <typename T>
__device__ void forward(const float* x, const int* order, const int* cursor, const typename T::Weight* weights,
                        const float* bias, const Activation& activation, float* pre_activation, float* output, int batch, int outputs,
                        int inputs) {
  __shared__ typename T::Shared shared;
  int first_row = blockIdx.y * T::kTile;
  int first_column = blockIdx.x * T::kTile;
  typename T::template Operand<true> a({x, order ? order + *cursor : nullptr, inputs}, first_row, batch, 0, T::thread());
  typename T::template Weights<true> b({weights, nullptr, inputs}, first_column, outputs, 0, T::thread());
  float sums[T::kRows][T::kColumns] = {};
  float unused = 0;
  T::multiply(a, b, 0, inputs, shared, sums, false, unused);

  bool vectors = outputs % 4 == 0 && is_aligned16(output) && is_aligned16(pre_activation) && is_aligned16(bias);
  for_each_run<T>(sums, first_row, first_column, batch, [&](int row, int column, float (&z)[T::kRun]) {
    int64 start = static_cast<int64>(row) * outputs;
    if (bias) {
      float biases[T::kRun];
      fetch<T::kRun>(bias, column, outputs, vectors, biases);
      each(z, biases, [](float sum, float b) { return sum + b; });
    }
    if (pre_activation) put<T::kRun>(pre_activation + start, column, outputs, vectors, z);
    activate(activation, z);
    put<T::kRun>(output + start, column, outputs, vectors, z);
  });
}

// One tile of dX = (dZ W) * f'(saved). dZ [batch x outputs] lies along k, W [outputs x inputs] across it.
template <typename T>
__device__ __forceinline__ void backward_input(typename T::Shared& shared, int tile, const float* gradient,
                                               const typename T::Weight* weights, const Activation& below, const float* saved,
                                               int accumulate, float* input_gradient, int batch, int outputs,
                                               int inputs) {
  int across = (inputs + T::kTile - 1) / T::kTile;
  int first_row = tile / across * T::kTile;
  int first_column = tile % across * T::kTile;
  if (first_row >= batch) return;  // of a block's tiles, the last may be too many
  typename T::template Operand<true> a({gradient, nullptr, outputs}, first_row, batch, 0, T::thread());
  typename T::template Weights<false> b({weights, nullptr, inputs}, first_column, inputs, 0, T::thread());
  float sums[T::kRows][T::kColumns] = {};
  float unused = 0;
  T::multiply(a, b, 0, outputs, shared, sums, false, unused);

  bool derivative = below.kind != kIdentity;
  bool vectors = inputs % 4 == 0 && is_aligned16(input_gradient) && (!derivative || is_aligned16(saved));
  for_each_run<T>(sums, first_row, first_column, batch, [&](int row, int column, float (&result)[T::kRun]) {
    int64 start = static_cast<int64>(row) * inputs;
    float values[T::kRun];
    if (derivative) {
      fetch<T::kRun>(saved + start, column, inputs, vectors, values);
      differentiate(below, result, values);
    }
    if (accumulate) {
      fetch<T::kRun>(input_gradient + start, column, inputs, vectors, values);
      each(result, values, [](float sum, float before) { return sum + before; });
    }
    put<T::kRun>(input_gradient + start, column, inputs, vectors, result);
  });
}

// One counter per tile of a split product: how many of its blocks are done. Zero between launches, which the last
// block of each tile sees to; launches of one context are ordered by its stream. The host splits no product of more
// tiles than this.
constexpr int kMaxSplitTiles = 1024;
__device__ int tickets[kMaxSplitTiles];

// sums[j] = share 0 + share 1 + ..., of N values that lie `apart`.
template <int N>
__device__ __forceinline__ void sum_shares(float (&sums)[N], const float* share, int apart, int count, int floats) {
#pragma unroll
  for (int j = 0; j < N; j++) sums[j] = 0;
#pragma unroll 1
  for (int i = 0; i < count; i++) {
#pragma unroll
    for (int j = 0; j < N; j++) sums[j] += __ldcg(share + j * apart);
    share += floats;
  }
}

// What of a weight gradient a block computes: a tile of it, over a share of the batch.
template <typename T>
struct Share {
  int tile;
  int split;
  int splits;
  int first_row;
  int first_column;
  int k_begin;
  int k_end;

  __device__ __forceinline__ Share(int block, int batch, int outputs, int inputs, int share) {
    int across = (inputs + T::kTile - 1) / T::kTile;
    int tiles = across * ((outputs + T::kTile - 1) / T::kTile);
    tile = block % tiles;
    split = block / tiles;
    splits = max(1, (batch + share - 1) / share);
    first_row = tile / across * T::kTile;
    first_column = tile % across * T::kTile;
    k_begin = split * share;
    k_end = min(k_begin + share, batch);
  }
};

// One tile of dW = dZ^T X, of db = column sums of dZ, and the sum of squares of what it stored. Both operands lie across
// k, which is the batch. With several splits, each block sums its share of the batch into the workspace; the one that
// comes last adds the shares in the order of the splits, so the result does not depend on who that is.
template <typename T>
__device__ __forceinline__ void backward_weights(typename T::Shared& shared, int input_blocks, const float* x,
                                                 const int* order, const int* cursor, const float* gradient,
                                                 int accumulate, float* weight_gradient, float* bias_gradient,
                                                 float* square_partials, float* workspace, int batch, int outputs,
                                                 int inputs, int share) {
  constexpr int kShareFloats = T::kTile * T::kTile + T::kTile;  // a block's sums, then its column sums
  float sums[T::kRows][T::kColumns] = {};
  float column_sum = 0;
  {
    Share<T> at(blockIdx.x - input_blocks, batch, outputs, inputs, share);
    typename T::template Operand<false> a({gradient, nullptr, outputs}, at.first_row, outputs, at.k_begin, T::thread());
    typename T::template Operand<false, true> b({x, order ? order + *cursor : nullptr, inputs}, at.first_column, inputs,
                                                at.k_begin, T::thread());
    T::multiply(a, b, at.k_begin, at.k_end, shared, sums, bias_gradient && at.first_column == 0, column_sum);
  }

  // Once more, so that the loop above has the registers.
  Share<T> at(here(blockIdx.x) - input_blocks, batch, outputs, inputs, share);
  int tile = at.tile;
  int splits = at.splits;
  int first_row = at.first_row;
  int first_column = at.first_column;
  bool sums_bias = bias_gradient && first_column == 0;
  if (splits > 1) {
    float* shares = workspace + static_cast<int64>(tile) * splits * kShareFloats;
    float* own = shares + static_cast<int64>(at.split) * kShareFloats;
    // Thread-major, so that neighbours write neighbours.
#pragma unroll
    for (int i = 0; i < T::kRows * T::kColumns; i++) {
      own[i * T::kThreads + threadIdx.x] = sums[i / T::kColumns][i % T::kColumns];
    }
    if (threadIdx.x < T::kTile) own[T::kTile * T::kTile + threadIdx.x] = column_sum;
    __threadfence();
    __syncthreads();
    bool closes = threadIdx.x == 0 && atomicAdd(&tickets[tile], 1) == splits - 1;
    if (closes) tickets[tile] = 0;  // ready for the next launch
    bool last = __syncthreads_or(closes);
    if (!last) return;
    __threadfence();
    // A row after the other, for want of registers for all at a time.
#pragma unroll
    for (int i = 0; i < T::kRows; i++) {
      sum_shares(sums[i], shares + i * T::kColumns * T::kThreads + threadIdx.x, T::kThreads, splits, kShareFloats);
    }
    float bias[1] = {};
    if (threadIdx.x < T::kTile) sum_shares(bias, shares + T::kTile * T::kTile + threadIdx.x, 0, splits, kShareFloats);
    column_sum = bias[0];
  }

  float squares = 0;
  bool vectors = inputs % 4 == 0 && is_aligned16(weight_gradient);
  for_each_run<T>(sums, first_row, first_column, outputs, [&](int row, int column, float (&result)[T::kRun]) {
    float* target = weight_gradient + static_cast<int64>(row) * inputs;
    if (accumulate) {
      float before[T::kRun];
      fetch<T::kRun>(target, column, inputs, vectors, before);
      each(result, before, [](float sum, float old) { return sum + old; });
    }
    put<T::kRun>(target, column, inputs, vectors, result);
#pragma unroll
    for (int j = 0; j < T::kRun; j++) {
      if (column + j < inputs) squares = fmaf(result[j], result[j], squares);
    }
  });
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

// The forward kernel of a tiling. NAME is the tiling's in the kernel's name, the rest its type.
#define TALWEG_FORWARD(NAME, ...)                                                                                     \
  extern "C" __global__ __launch_bounds__(__VA_ARGS__::kThreads, __VA_ARGS__::kBlocks) void dense_forward_##NAME(     \
      const float* x, const int* order, const int* cursor, const __VA_ARGS__::Weight* weights, const float* bias,     \
      int activation, float p, float q, float* pre_activation, float* output, int batch, int outputs, int inputs) {   \
    forward<__VA_ARGS__>(x, order, cursor, weights, bias, {activation, p, q}, pre_activation, output, batch, outputs, \
                         inputs);                                                                                     \
  }

// Both backward products in one launch: they need the same dZ and nothing of each other. The first `input_blocks` blocks
// make dX in tilings X, as many tiles a block as have room in it, for each of them sums over all outputs and so takes
// the longest; the others make dW in the tiling W. Either may have no blocks.
template <typename W, typename X>
__device__ __forceinline__ void backward(int input_blocks, const float* x, const int* order, const int* cursor,
                                         const float* gradient, const typename X::Weight* weights,
                                         const Activation& below, const float* saved, int accumulate_input,
                                         float* input_gradient, int accumulate_weights, float* weight_gradient,
                                         float* bias_gradient, float* square_partials, float* workspace, int batch,
                                         int outputs, int inputs, int share) {
  static_assert(X::kThreads * X::kTeams == W::kThreads && W::kTeams == 1, "blocks of both have as many threads");
  __shared__ union {
    typename W::Shared weights;
    typename X::Shared inputs[X::kTeams];
  } shared;
  int block = blockIdx.x;
  if (block < input_blocks) {
    backward_input<X>(shared.inputs[X::team()], block * X::kTeams + X::team(), gradient, weights, below, saved,
                      accumulate_input, input_gradient, batch, outputs, inputs);
  } else {
    backward_weights<W>(shared.weights, input_blocks, x, order, cursor, gradient, accumulate_weights,
                        weight_gradient, bias_gradient, square_partials, workspace, batch, outputs, inputs, share);
  }
}

// Their kernel. NAME is that of the tilings in the kernel's name.
#define TALWEG_BACKWARD(NAME, W, X)                                                                                   \
  extern "C" __global__ __launch_bounds__(W::kThreads, W::kBlocks) void dense_backward_##NAME(                        \
      int input_blocks, const float* x, const int* order, const int* cursor, const float* gradient,                   \
      const X::Weight* weights, int below, float p, float q, const float* saved, int accumulate_input,                \
      float* input_gradient, int accumulate_weights, float* weight_gradient, float* bias_gradient,                    \
      float* square_partials, float* workspace, int batch, int outputs, int inputs, int share) {                      \
    backward<W, X>(input_blocks, x, order, cursor, gradient, weights, {below, p, q}, saved, accumulate_input,         \
                   input_gradient, accumulate_weights, weight_gradient, bias_gradient, square_partials, workspace,    \
                   batch, outputs, inputs, share);                                                                    \
  }
