// Rows of a matrix in memory, in order or by number.
#pragma once
#include "common.cuh"

// Rows of a matrix; row r is order[r] of the base where an order is given.
struct Rows {
  const float* base;
  const int* order;
  int width;

  __device__ __forceinline__ const float* row(int r) const {
    return base + static_cast<int64>(order ? order[r] : r) * width;
  }
  __device__ __forceinline__ bool vectors() const { return is_aligned16(base) && width % 4 == 0; }
};
