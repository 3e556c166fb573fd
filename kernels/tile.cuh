// A block's tile of a matrix product C[m][n] = sum over k of A(m, k) * B(n, k), for operands that lie in memory along
// k or along their own index. Tiles of both go through shared memory, double-buffered: while one is multiplied, the
// next is on its way into registers.
#pragma once
#include "matrix_rows.cuh"

// Four neighbours of a row, zero beyond `end`.
__device__ __forceinline__ float4 fetch4(const float* row, int at, int end, bool vectors) {
  if (vectors && at + 3 < end) return load4(row + at);
  return make_float4(at < end ? row[at] : 0.0f, at + 1 < end ? row[at + 1] : 0.0f, at + 2 < end ? row[at + 2] : 0.0f,
                     at + 3 < end ? row[at + 3] : 0.0f);
}

// Column in shared memory of element i of depth k. A transposing store writes four depths each of 16 neighbours, at two
// places along k; the exclusive or puts those in different banks. 16 values stay together, so 16-byte accesses along i
// still work.
__device__ __forceinline__ int swizzle(int k, int i) {
  return i ^ (k & 4) << 2;
}

// One operand's side of the tile: SIZE values of its own index, DEPTH of k: for each of 2 SIZE threads a quad of every 8
// depths. ALONG_K says how it lies in memory: true, each row is one value of its index and runs along k; false, each row
// is one k. What lies beyond the operand's own index repeats its last values: nobody stores what comes of them.
// NUMBERED: rows that are k may be read through an order.
template <bool ALONG_K, bool NUMBERED, int SIZE, int DEPTH>
struct Side {
  static constexpr bool kAlongK = ALONG_K;
  static constexpr int kApart = 8;
  static constexpr int kSlots = DEPTH / kApart;

  Rows rows;
  int begin;  // of the tile, along the operand's index
  int end;    // of the operand
  bool vectors;
  const float* at;  // this thread's first quad of the next tile, unless NUMBERED
  float4 held[kSlots];

  __device__ __forceinline__ Side(Rows source, int first, int limit, int k_begin, uint32 thread)
      : rows(source), begin(first), end(limit), vectors(source.vectors()) {
    if constexpr (ALONG_K) at = rows.row(min(begin + across(thread), end - 1)) + k_begin + depth(thread);
    else if constexpr (!NUMBERED) at = rows.row(k_begin + depth(thread)) + min(begin + across(thread), end - 4);
  }

  // Within the tile: index and depth of this thread's first quad.
  static __device__ __forceinline__ int across(uint32 thread) {
    return ALONG_K ? thread / 2 : thread % (SIZE / 4) * 4;
  }
  static __device__ __forceinline__ int depth(uint32 thread) {
    return ALONG_K ? thread % 2 * 4 : thread / (SIZE / 4);
  }

  // Where in a tile in shared memory it goes.
  static __device__ __forceinline__ int place(uint32 thread) {
    return depth(thread) * SIZE + swizzle(depth(thread), across(thread));
  }

  // Registers <- memory, depths k to k + DEPTH - 1, of which all are there and in quads.
  __device__ __forceinline__ void fetch(int k, uint32 thread) {
#pragma unroll
    for (int slot = 0; slot < kSlots; slot++) {
      if constexpr (ALONG_K) held[slot] = load4(at + slot * kApart);
      else if constexpr (!NUMBERED) held[slot] = load4(at + slot * kApart * static_cast<int64>(rows.width));
      else held[slot] = load4(rows.row(k + depth(thread) + slot * kApart) + min(begin + across(thread), end - 4));
    }
  }

  // The same, zero beyond k_end.
  __device__ __forceinline__ void fetch(int k, int k_end, uint32 thread) {
#pragma unroll
    for (int slot = 0; slot < kSlots; slot++) {
      int first = k + depth(thread) + slot * kApart;
      if constexpr (ALONG_K) held[slot] = fetch4(at - depth(thread) - k, first, k_end, vectors);
      else if (first < k_end) held[slot] = fetch4(rows.row(first), begin + across(thread), end, vectors);
      else held[slot] = make_float4(0, 0, 0, 0);
    }
  }

  __device__ __forceinline__ void advance() {
    if constexpr (ALONG_K) at += DEPTH;
    else if constexpr (!NUMBERED) at += DEPTH * static_cast<int64>(rows.width);
  }

  // Shared memory <- registers.
  __device__ __forceinline__ void put(float* tile, int place) const {
#pragma unroll
    for (int slot = 0; slot < kSlots; slot++) {
      float* to = tile + place + slot * kApart * SIZE;
      if constexpr (ALONG_K) {
        to[0 * SIZE] = held[slot].x;
        to[1 * SIZE] = held[slot].y;
        to[2 * SIZE] = held[slot].z;
        to[3 * SIZE] = held[slot].w;
      } else {
        store4(to, held[slot]);
      }
    }
  }
};

// The shape of a block's work: a TILE x TILE tile, in steps of DEPTH along k. Of it, a thread has ROWS x COLUMNS in groups
// of 4 x 4, a warp the groups of its 4 x 8 lanes side by side: what a warp reads of a depth is then one broadcast quad
// after the other of A, and neighbouring quads of B. A block has TEAMS such tiles, each with threads of its own.
template <int TILE, int DEPTH, int ROWS, int COLUMNS, int TEAMS = 1>
struct Tiling {
  static constexpr int kTile = TILE;
  static constexpr int kRows = ROWS;  // of C that a thread holds, and columns, in runs of neighbours
  static constexpr int kColumns = COLUMNS;
  static constexpr int kRun = 4;
  static constexpr int kWarpRows = 4 * ROWS;
  static constexpr int kWarpColumns = 8 * COLUMNS;
  static constexpr int kWarpsAcross = TILE / kWarpColumns;
  static constexpr int kThreads = TILE / kWarpRows * kWarpsAcross * kWarp;  // of a team
  static constexpr int kTeams = TEAMS;
  // 16 warps a multiprocessor, of 128 registers a thread. The assembler finds those for weights in tiles of 128 only up
  // to compute capability 9.0: beyond, it would spill, and they have 8 warps.
  static constexpr int kBlocks = 16 * kWarp / (kThreads * TEAMS);
  static constexpr int kBackwardBlocks = TILE == 128 && __CUDA_ARCH__ >= 1000 ? 1 : kBlocks;
  static_assert(kThreads == 2 * TILE, "every thread fetches one quad of 8 depths");

  template <bool ALONG_K, bool NUMBERED = false>
  using Operand = Side<ALONG_K, NUMBERED, TILE, DEPTH>;

  struct Shared {
    alignas(16) float a[2][DEPTH * TILE];
    alignas(16) float b[2][DEPTH * TILE];
  };

  static __device__ __forceinline__ uint32 team() { return team_of<kThreads, TEAMS>(); }
  // Not known beforehand, so that nothing that follows from it is kept in registers throughout.
  static __device__ __forceinline__ uint32 thread() { return here(in_team<kThreads, TEAMS>()); }

  // Within the tile: row of the i-th accumulator row of this thread, column of the j-th.
  static __device__ __forceinline__ int row(int i) {
    return thread() / kWarp / kWarpsAcross * kWarpRows + i / 4 * 16 + thread() % kWarp / 8 * 4 + i % 4;
  }
  static __device__ __forceinline__ int column(int j) {
    return thread() / kWarp % kWarpsAcross * kWarpColumns + j / 4 * 32 + thread() % 8 * 4 + j % 4;
  }

  // sums += A B over k in [k_begin, k_end), in the order of k. Where asked for, `column_sum` of thread t gets the sum
  // over k of A(t, k), for t < TILE. Ends with a barrier.
  template <typename A, typename B>
  static __device__ __forceinline__ void multiply(A& a, B& b, int k_begin, int k_end, Shared& shared,
                                                  float (&sums)[ROWS][COLUMNS], bool sums_columns, float& column_sum) {
    // Where this thread reads of each depth: all else is in the loads' immediate offsets.
    int row_place = here(row(0));
    int column_place = here(column(0));
    int places[] = {here(A::place(thread())), here(B::place(thread()))};
    bool quads = a.vectors && b.vectors;

    auto fetch = [&](int k) {
      uint32 t = kPlaced<A, B> ? 0 : thread();
      if (quads && k + DEPTH <= k_end) {
        a.fetch(k, t);
        b.fetch(k, t);
      } else {
        t = kPlaced<A, B> ? thread() : t;
        a.fetch(k, k_end, t);
        b.fetch(k, k_end, t);
      }
      a.advance();
      b.advance();
    };
    // Multiplies the tile that lies in one half of the shared memory while the next is on its way to the other.
    auto step = [&](int k, int now) {
      bool more = k + DEPTH < k_end;
      if (more) fetch(k + DEPTH);
      int column_swizzled = swizzle(4, here(column_place));
#pragma unroll
      for (int d = 0; d < DEPTH; d++) {
        bool swapped = d & 4;
        float av[ROWS];
        float bv[COLUMNS];
        load_rows(shared.a[now] + d * TILE, row_place, swapped, av);
        const float* bs = shared.b[now] + d * TILE + (swapped ? column_swizzled : column_place);
#pragma unroll
        for (int g = 0; g < COLUMNS / 4; g++) reinterpret_cast<float4*>(bv)[g] = load4(bs + g * 32);
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
#pragma unroll
          for (int j = 0; j < COLUMNS; j++) sums[i][j] = fmaf(av[i], bv[j], sums[i][j]);
        }
      }
      if (sums_columns && thread() < TILE) {
        uint32 t = thread();
#pragma unroll
        for (int d = 0; d < DEPTH; d++) column_sum += shared.a[now][d * TILE + swizzle(d, t)];
      }
      if (more) {
        put(a, b, shared, now ^ 1, places);
      }
      team_barrier<kThreads, TEAMS>();
    };

    fetch(k_begin);
    put(a, b, shared, 0, places);
    team_barrier<kThreads, TEAMS>();
    for (int k = k_begin; k < k_end; k += 2 * DEPTH) {
      step(k, 0);
      if (k + DEPTH < k_end) step(k + DEPTH, 1);
    }
  }

 private:
  // Whether the places in shared memory are kept in registers: not where an operand lies across k, and its addresses want
  // them. There they are found anew each time.
  template <typename A, typename B>
  static constexpr bool kPlaced = A::kAlongK && B::kAlongK;

  template <typename A, typename B>
  static __device__ __forceinline__ void put(const A& a, const B& b, Shared& shared, int half, const int (&places)[2]) {
    uint32 t = kPlaced<A, B> ? 0 : thread();
    a.put(shared.a[half], kPlaced<A, B> ? places[0] : A::place(t));
    b.put(shared.b[half], kPlaced<A, B> ? places[1] : B::place(t));
  }

  // With two groups of rows, 16 apart, the swizzle is their exchange.
  static __device__ __forceinline__ void load_rows(const float* depth, int place, bool swapped, float (&values)[ROWS]) {
    if constexpr (ROWS == 8) {
#pragma unroll
      for (int g = 0; g < 2; g++) reinterpret_cast<float4*>(values)[g] = load4(depth + place + (swapped ? 1 - g : g) * 16);
    } else {
      static_assert(ROWS == 4, "one group of rows or two");
      *reinterpret_cast<float4*>(values) = load4(depth + (swapped ? swizzle(4, place) : place));
    }
  }
};
