// A block's tile of a matrix product C[m][n] = sum over k of A(m, k) * B(n, k), for operands that lie in memory along
// k or along their own index. Tiles of both go through shared memory, in steps along k. How they get there, and how they
// lie there, is the business of a FEED: through registers in register_feed.cuh, by asynchronous copies in
// async_feed.cuh.
#pragma once
#include "matrix_rows.cuh"

// The shape of a block's work: a TILE x TILE tile, in steps of DEPTH along k. Of it, a thread has ROWS x COLUMNS in groups
// of 4 x 4, a warp the groups of its 4 x 8 lanes side by side: what a warp reads of a depth is then one broadcast quad
// after the other of A, and neighbouring quads of B. A block has TEAMS such tiles, each with threads of its own.
template <typename FEED, int TILE, int DEPTH, int ROWS, int COLUMNS, int TEAMS = 1>
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
  // 16 warps a multiprocessor, of 128 registers a thread.
  static constexpr int kBlocks = 16 * kWarp / (kThreads * TEAMS);
  static_assert(kThreads == 2 * TILE, "every thread fetches one quad of 8 depths");

  template <bool ALONG_K, bool NUMBERED = false>
  using Operand = typename FEED::template Side<ALONG_K, NUMBERED, TILE, DEPTH>;
  using Weight = float;
  template <bool ALONG_K>
  using Weights = Operand<ALONG_K>;
  using Shared = typename FEED::template Shared<TILE, DEPTH>;

  static __device__ __forceinline__ uint32 team() { return team_of<kThreads, TEAMS>(); }
  // Not known beforehand, so that nothing that follows from it is kept in registers throughout.
  static __device__ __forceinline__ uint32 thread() { return here(in_team<kThreads, TEAMS>()); }
  static __device__ __forceinline__ void barrier() { team_barrier<kThreads, TEAMS>(); }

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
    int row_place = here(A::place_of_group(row(0)));
    int column_place = here(B::place_of_group(column(0)));
    FEED::template feed<Tiling>(a, b, k_begin, k_end, shared, [&](int stage) {
      multiply_step(typename A::template Reader<16>(shared.a, row_place, stage),
                    typename B::template Reader<32>(shared.b, column_place, stage), sums);
      if constexpr (!A::kAlongK) {
        if (sums_columns && thread() < TILE) {
          uint32 t = thread();
#pragma unroll
          for (int d = 0; d < DEPTH; d++) column_sum += A::value(shared.a, stage, t, d);
        }
      }
    });
  }

 private:
  // sums += A B over the depths of one step. Values that lie along k in shared memory come as four depths of a row, the
  // others as four rows of a depth.
  template <typename A, typename B>
  static __device__ __forceinline__ void multiply_step(A a, B b, float (&sums)[ROWS][COLUMNS]) {
    if constexpr (B::kQuadsAlongK) {
      static_assert(A::kQuadsAlongK, "B is not alone in lying along k");
      // Unrolled, the assembler would begin with the next depths too early, and spill.
#pragma unroll (ROWS * COLUMNS == 64 ? 1 : DEPTH / 4)
      for (int k = 0; k < DEPTH; k += 4) {
        float rows[ROWS][4];
#pragma unroll
        for (int i = 0; i < ROWS; i++) a.load(i, 0, rows[i]);
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) {
          float column[4];
          b.load(j, 0, column);
#pragma unroll
          for (int d = 0; d < 4; d++) {
#pragma unroll
            for (int i = 0; i < ROWS; i++) sums[i][j] = fmaf(rows[i][d], column[d], sums[i][j]);
          }
        }
        a.advance();
        b.advance();
      }
    } else {
      float rows[ROWS][4];
#pragma unroll
      for (int k = 0; k < DEPTH; k++) {
        float row_values[ROWS];
        float column_values[COLUMNS];
        if constexpr (A::kQuadsAlongK) {
#pragma unroll
          for (int i = 0; i < ROWS; i++) {
            if (k % 4 == 0) a.load(i, k, rows[i]);
            row_values[i] = rows[i][k % 4];
          }
        } else {
          a.load(k, row_values);
        }
        b.load(k, column_values);
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
#pragma unroll
          for (int j = 0; j < COLUMNS; j++) sums[i][j] = fmaf(row_values[i], column_values[j], sums[i][j]);
        }
      }
    }
  }
};
