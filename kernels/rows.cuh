// Rows of a matrix, each worked on by one group of threads: a warp where rows are short, the whole block where they are
// long.
#pragma once
#include "common.cuh"

constexpr int kRowBlock = 256;

// GROUP is kWarp or kRowBlock. All threads of a group see the same sums and maxima, in a fixed order.
template <int GROUP>
struct RowGroup {
  float* scratch;  // one element per warp of the block

  __device__ int rank() const { return threadIdx.x % GROUP; }
  __device__ int64 row() const { return (static_cast<int64>(blockIdx.x) * kRowBlock + threadIdx.x) / GROUP; }

  __device__ float sum(float value) const {
    if constexpr (GROUP == kWarp) return warp_sum(value);
    else return block_sum<kRowBlock>(value, scratch);
  }

  // Of numbers; a NaN is passed over.
  __device__ float largest(float value) const {
#pragma unroll
    for (int offset = kWarp / 2; offset > 0; offset /= 2) {
      value = fmaxf(value, __shfl_xor_sync(kFullMask, value, offset));
    }
    if constexpr (GROUP != kWarp) {
      if (threadIdx.x % kWarp == 0) scratch[threadIdx.x / kWarp] = value;
      __syncthreads();
      for (int i = 0; i < kRowBlock / kWarp; i++) value = fmaxf(value, scratch[i]);
      __syncthreads();
    }
    return value;
  }
};
