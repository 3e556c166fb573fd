// Rows of a matrix in memory, in order or by number; and the teams of a block, each with a tile of its own.
#pragma once
#include "common.cuh"

// The same value, of which the compiler believes that it is known only here: what a branch makes of it is not computed
// ahead of the loop around it and kept in registers.
template <typename T>
__device__ __forceinline__ T here(T value) {
  asm volatile("" : "+r"(value));
  return value;
}

// Rows of a matrix; row r is order[r] of the base where an order is given.
template <typename ELEMENT>
struct RowsOf {
  const ELEMENT* base;
  const int* order;
  int width;

  __device__ __forceinline__ int64 offset(int r) const { return static_cast<int64>(order ? order[r] : r) * width; }
  __device__ __forceinline__ const ELEMENT* row(int r) const { return base + offset(r); }
  __device__ __forceinline__ bool vectors() const {
    return is_aligned16(base) && width % static_cast<int>(16 / sizeof(ELEMENT)) == 0;
  }
};

// An operand of a product, as one tile sees it.
template <typename ELEMENT>
struct SideOf {
  RowsOf<ELEMENT> rows;
  int begin;  // of the tile, along the operand's index
  int end;    // of the operand
  bool vectors;

  __device__ __forceinline__ SideOf(RowsOf<ELEMENT> source, int first, int limit)
      : rows(source), begin(first), end(limit), vectors(source.vectors()) {}
};

using Rows = RowsOf<float>;
using OperandSide = SideOf<float>;

// Which team of the block this thread is in, and where in it.
template <int THREADS, int TEAMS>
__device__ __forceinline__ uint32 team_of() {
  return TEAMS == 1 ? 0 : threadIdx.x / THREADS;
}

template <int THREADS, int TEAMS>
__device__ __forceinline__ uint32 in_team() {
  return TEAMS == 1 ? threadIdx.x : threadIdx.x % THREADS;
}

// A barrier of the team alone. Barrier 0 is the block's.
template <int THREADS, int TEAMS>
__device__ __forceinline__ void team_barrier() {
  if constexpr (TEAMS == 1) __syncthreads();
  else __barrier_sync_count(1 + team_of<THREADS, TEAMS>(), THREADS);
}
