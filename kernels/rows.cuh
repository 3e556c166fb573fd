// Rows of a matrix, each worked on by a group of threads that sums it in a fixed order: a whole block where rows are
// long, else a part of a warp, the smallest power of two that covers the row, so that a warp reads its rows without
// gaps.
#pragma once
#include "common.cuh"

constexpr int kRowBlock = 256;
constexpr int kRowScratch = 2 * kRowBlock / kWarp;

// The group of the calling thread. Every thread of a warp takes part in its reductions, with a row or without.
template <bool BLOCK>
struct Group {
  int width;       // threads: a power of two up to 32, or the block
  float* scratch;  // kRowScratch elements

  __device__ int rank() const { return threadIdx.x % width; }
  __device__ int64 row() const { return (static_cast<int64>(blockIdx.x) * kRowBlock + threadIdx.x) / width; }

  __device__ float sum(float value) const {
    if constexpr (BLOCK) {
      return block_sum<kRowBlock>(value, scratch);
    } else {
      for (int offset = width / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(kFullMask, value, offset);
      return value;
    }
  }

  // The largest value; a NaN is passed over.
  __device__ float largest(float value) const {
    for (int offset = (BLOCK ? kWarp : width) / 2; offset > 0; offset /= 2) {
      value = fmaxf(value, __shfl_xor_sync(kFullMask, value, offset));
    }
    if constexpr (BLOCK) {
      if (threadIdx.x % kWarp == 0) scratch[threadIdx.x / kWarp] = value;
      __syncthreads();
      for (int i = 0; i < kRowBlock / kWarp; i++) value = fmaxf(value, scratch[i]);
      __syncthreads();
    }
    return value;
  }

  // The largest value and, among equals, the smallest index; a NaN never wins against a number.
  __device__ void largest(float& value, int& index) const {
    for (int offset = (BLOCK ? kWarp : width) / 2; offset > 0; offset /= 2) {
      better(value, index, __shfl_xor_sync(kFullMask, value, offset), __shfl_xor_sync(kFullMask, index, offset));
    }
    if constexpr (BLOCK) {
      int* indices = reinterpret_cast<int*>(scratch + kRowBlock / kWarp);
      if (threadIdx.x % kWarp == 0) {
        scratch[threadIdx.x / kWarp] = value;
        indices[threadIdx.x / kWarp] = index;
      }
      __syncthreads();
      for (int i = 0; i < kRowBlock / kWarp; i++) better(value, index, scratch[i], indices[i]);
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
