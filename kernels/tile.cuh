// A block's tile of a matrix product C[m][n] = sum over k of A(m, k) * B(n, k), for operands that lie in memory along
// k or along their own index. Tiles of both go through shared memory, double-buffered: while one is multiplied, the
// next is on its way into registers.
#pragma once
#include "matrix_rows.cuh"

constexpr int kDepth = 16;  // of a tile, along k

// Four neighbours of a row, zero beyond `end`.
__device__ __forceinline__ float4 fetch4(const float* row, int at, int end, bool vectors) {
  if (vectors && at + 3 < end) return load4(row + at);
  return make_float4(at < end ? row[at] : 0.0f, at + 1 < end ? row[at + 1] : 0.0f, at + 2 < end ? row[at + 2] : 0.0f,
                     at + 3 < end ? row[at + 3] : 0.0f);
}

// Column in shared memory of element i of depth k. A transposing store writes four depths of one i; without the
// exclusive or, threads that hold neighbouring depths would meet in the same bank. Groups of 8 stay together, so
// 16-byte reads along i still work.
__device__ __forceinline__ int swizzle(int k, int i) {
  return i ^ (((k >> 2) & 3) << 3);
}

// One operand's side of the tile: SIZE values of its own index, kDepth of k. ALONG_K says how it lies in memory:
// true, each row is one value of its index and runs along k; false, each row is one k.
template <bool ALONG_K, int SIZE, int THREADS>
struct Side {
  static constexpr int kSlots = SIZE * kDepth / 4 / THREADS;
  static_assert(kSlots * THREADS * 4 == SIZE * kDepth, "every thread fetches the same number of quads");

  Rows rows;
  int begin;  // of the tile, along the operand's index
  int end;    // of the operand
  bool vectors;
  float4 held[kSlots];

  __device__ Side(Rows source, int first, int limit)
      : rows(source), begin(first), end(limit), vectors(source.vectors()) {}

  __device__ __forceinline__ int across(int slot) const {  // first index within the tile that a slot holds
    int quad = threadIdx.x + slot * THREADS;
    return ALONG_K ? quad / (kDepth / 4) : quad % (SIZE / 4) * 4;
  }
  __device__ __forceinline__ int depth(int slot) const {  // first k within the tile that a slot holds
    int quad = threadIdx.x + slot * THREADS;
    return ALONG_K ? quad % (kDepth / 4) * 4 : quad / (SIZE / 4);
  }

  // Registers <- memory, depths k to k + kDepth - 1, zero beyond k_end and beyond the operand.
  __device__ __forceinline__ void fetch(int k, int k_end) {
#pragma unroll
    for (int slot = 0; slot < kSlots; slot++) {
      int index = begin + across(slot);
      int at = k + depth(slot);
      bool inside = ALONG_K ? index < end : at < k_end;
      held[slot] = make_float4(0, 0, 0, 0);
      if (inside) {
        held[slot] = ALONG_K ? fetch4(rows.row(index), at, k_end, vectors) : fetch4(rows.row(at), index, end, vectors);
      }
    }
  }

  // Shared memory <- registers.
  __device__ __forceinline__ void put(float (*tile)[SIZE]) const {
#pragma unroll
    for (int slot = 0; slot < kSlots; slot++) {
      int i = across(slot);
      int k = depth(slot);
      if (ALONG_K) {
        tile[k + 0][swizzle(k, i)] = held[slot].x;
        tile[k + 1][swizzle(k, i)] = held[slot].y;
        tile[k + 2][swizzle(k, i)] = held[slot].z;
        tile[k + 3][swizzle(k, i)] = held[slot].w;
      } else {
        store4(&tile[k][swizzle(k, i)], held[slot]);
      }
    }
  }
};

// The shape of a block's work: a TILE x TILE tile, MICRO x MICRO of it for each thread, as groups of 4 rows and 4
// columns spread over the tile so that 16-byte reads of shared memory do not collide.
template <int TILE, int MICRO>
struct Tiling {
  static constexpr int kTile = TILE;
  static constexpr int kRows = MICRO;  // of C that a thread holds, and columns, in runs of neighbours
  static constexpr int kColumns = MICRO;
  static constexpr int kRun = 4;
  static constexpr int kAcross = TILE / MICRO;  // threads in each direction
  static constexpr int kThreads = kAcross * kAcross;
  static constexpr int kGroups = MICRO / 4;

  template <bool ALONG_K>
  using Operand = Side<ALONG_K, TILE, kThreads>;

  struct Shared {
    float a[2][kDepth][TILE];
    float b[2][kDepth][TILE];
  };

  // Within the tile: row of the i-th accumulator row of this thread, column of the j-th.
  static __device__ __forceinline__ int row(int i) {
    return i / 4 * (TILE / kGroups) + threadIdx.x / kAcross * 4 + i % 4;
  }
  static __device__ __forceinline__ int column(int j) {
    return j / 4 * (TILE / kGroups) + threadIdx.x % kAcross * 4 + j % 4;
  }

  // sums += A B over k in [k_begin, k_end), in the order of k. `column_sum` of thread t gets the sum over k of
  // A(t, k), for t < TILE, if it is not null.
  template <bool A_ALONG_K, bool B_ALONG_K>
  static __device__ __forceinline__ void multiply(Side<A_ALONG_K, TILE, kThreads>& a,
                                                  Side<B_ALONG_K, TILE, kThreads>& b, int k_begin, int k_end,
                                                  Shared& shared, float (&sums)[MICRO][MICRO], float* column_sum) {
    a.fetch(k_begin, k_end);
    b.fetch(k_begin, k_end);
    a.put(shared.a[0]);
    b.put(shared.b[0]);
    __syncthreads();
    int now = 0;
    for (int k = k_begin; k < k_end; k += kDepth) {
      bool more = k + kDepth < k_end;
      if (more) {
        a.fetch(k + kDepth, k_end);
        b.fetch(k + kDepth, k_end);
      }
#pragma unroll
      for (int d = 0; d < kDepth; d++) {
        float av[MICRO];
        float bv[MICRO];
#pragma unroll
        for (int g = 0; g < kGroups; g++) {
          reinterpret_cast<float4*>(av)[g] = load4(&shared.a[now][d][swizzle(d, row(g * 4))]);
          reinterpret_cast<float4*>(bv)[g] = load4(&shared.b[now][d][swizzle(d, column(g * 4))]);
        }
#pragma unroll
        for (int i = 0; i < MICRO; i++) {
#pragma unroll
          for (int j = 0; j < MICRO; j++) sums[i][j] = fmaf(av[i], bv[j], sums[i][j]);
        }
      }
      if (column_sum && threadIdx.x < TILE) {
        for (int d = 0; d < kDepth; d++) *column_sum += shared.a[now][d][swizzle(d, threadIdx.x)];
      }
      if (more) {
        a.put(shared.a[now ^ 1]);
        b.put(shared.b[now ^ 1]);
      }
      __syncthreads();
      now ^= 1;
    }
  }
};
