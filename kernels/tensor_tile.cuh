// A block's tile of a matrix product on tensor cores; the same interface as Tiling in tile.cuh. Operands are float32 in
// memory and in shared memory, and are rounded on their way into the tensor cores, but for weights that are bfloat16
// already. Their tiles arrive by asynchronous copies, kStages deep, each laid out as its operand lies in memory.
#pragma once
#include "bfloat16.cuh"
#include "matrix_rows.cuh"
#include "tensor_precision.cuh"

constexpr int kDepth = 16;  // of a tile, along k
constexpr int kStages = 3;

// One operand's side of the tile: SIZE values of its own index, kDepth of k. ALONG_K: a row of the tile is one value of
// the index, and runs along k; else a row is one k. In each the quads of a row are permuted so that neither the copies
// nor any access below meets in a bank.
template <bool ALONG_K, int SIZE, int THREADS>
struct AsyncSide : OperandSide {
  static constexpr bool kAlongK = ALONG_K;
  static constexpr int kSlots = SIZE * kDepth / 4 / THREADS;
  static_assert(kSlots * THREADS * 4 == SIZE * kDepth, "every thread copies the same number of quads");

  __device__ __forceinline__ AsyncSide(Rows source, int first, int limit, int, uint32)
      : OperandSide(source, first, limit) {}

  // Where element (index, k) of the tile lies.
  static __device__ __forceinline__ int place(int index, int k) {
    if constexpr (ALONG_K) {
      int permuted = (index >> 1 & 1) << 1 | (index >> 2 & 1);
      return index * kDepth + ((k >> 2 ^ permuted) << 2 | (k & 3));
    } else {
      return k * SIZE + (index ^ ((k & 3) ^ (k >> 2 & 3)) << 3);
    }
  }

  // Starts copying depths k to k + kDepth - 1, zero beyond k_end and beyond the operand.
  __device__ __forceinline__ void copy(int k, int k_end, float* tile) const {
#pragma unroll
    for (int slot = 0; slot < kSlots; slot++) {
      int quad = threadIdx.x + slot * THREADS;
      int across = ALONG_K ? quad / (kDepth / 4) : quad % (SIZE / 4) * 4;
      int depth = ALONG_K ? quad % (kDepth / 4) * 4 : quad / (SIZE / 4);
      float* to = tile + place(across, depth);
      int row = ALONG_K ? begin + across : k + depth;
      int column = ALONG_K ? k + depth : begin + across;
      int valid = row < (ALONG_K ? end : k_end) ? (ALONG_K ? k_end : end) - column : 0;
      const float* from = valid > 0 ? rows.row(row) + column : rows.base;
      if (vectors) {
        copy_async16(shared_address(to), from, valid >= 4 ? 16 : valid > 0 ? valid * 4 : 0);
      } else {
#pragma unroll
        for (int i = 0; i < 4; i++) copy_async4(shared_address(to + i), i < valid ? from + i : rows.base, i < valid ? 4 : 0);
      }
    }
  }

  static __device__ __forceinline__ float at(const float* tile, int index, int k) { return tile[place(index, k)]; }
};

// The same for weights in bfloat16, whose rows are a multiple of 4 long and begin at one. What "ldmatrix" reads together is
// 16 bytes of eight rows, permuted so that they are in all banks.
template <bool ALONG_K, int SIZE, int THREADS>
struct RoundedSide : SideOf<bfloat16> {
  static constexpr bool kAlongK = ALONG_K;
  static_assert(SIZE * kDepth / 8 == THREADS, "every thread copies 16 bytes");

  __device__ __forceinline__ RoundedSide(RowsOf<bfloat16> source, int first, int limit, int, uint32)
      : SideOf<bfloat16>(source, first, limit) {}

  static __device__ __forceinline__ int place(int index, int k) {
    if constexpr (ALONG_K) return index * kDepth + ((k >> 3 ^ (index >> 2 & 1)) << 3 | (k & 7));
    else return k * SIZE + (index ^ (k & 7) << 3);
  }

  __device__ __forceinline__ void copy(int k, int k_end, bfloat16* tile) const {
    if (vectors) {
      copy_pieces<8>(k, k_end, tile);
    } else {
      copy_pieces<4>(k, k_end, tile);
    }
  }

  // What this thread holds of the 8 columns of B from `first` on, and of the 8 after them.
  static __device__ __forceinline__ void load(const bfloat16* tile, int first, int k, uint32 (&left)[2],
                                              uint32 (&right)[2]) {
    int lane = threadIdx.x % kWarp;
    int index = first + lane / 16 * 8;
    int depth = k + lane / 8 % 2 * 8;
    uint32 words[4];
    if constexpr (ALONG_K) load_matrices(words, tile + place(index + lane % 8, depth));
    else load_transposed(words, tile + place(index, depth + lane % 8));
    left[0] = words[0];
    left[1] = words[1];
    right[0] = words[2];
    right[1] = words[3];
  }

 private:
  // A piece is all there or not at all.
  template <int PIECE>
  __device__ __forceinline__ void copy_pieces(int k, int k_end, bfloat16* tile) const {
    constexpr int kInRow = (ALONG_K ? kDepth : SIZE) / PIECE;
#pragma unroll
    for (int slot = 0; slot < 8 / PIECE; slot++) {
      int piece = threadIdx.x + slot * THREADS;
      int across = ALONG_K ? piece / kInRow : piece % kInRow * PIECE;
      int depth = ALONG_K ? piece % kInRow * PIECE : piece / kInRow;
      uint32 to = shared_address(tile + place(across, depth));
      int row = ALONG_K ? begin + across : k + depth;
      int column = ALONG_K ? k + depth : begin + across;
      bool valid = row < (ALONG_K ? end : k_end) && column < (ALONG_K ? k_end : end);
      const bfloat16* from = valid ? rows.row(row) + column : rows.base;
      if constexpr (PIECE == 8) copy_async16(to, from, valid ? 16 : 0);
      else copy_async8(to, from, valid ? 8 : 0);
    }
  }
};

// The side of the weights, by what they are in memory.
template <typename WEIGHT, bool ALONG_K, int SIZE, int THREADS>
struct WeightSide {
  using Type = AsyncSide<ALONG_K, SIZE, THREADS>;
};

template <bool ALONG_K, int SIZE, int THREADS>
struct WeightSide<bfloat16, ALONG_K, SIZE, THREADS> {
  using Type = RoundedSide<ALONG_K, SIZE, THREADS>;
};

// WARPS_DOWN x WARPS_ACROSS warps, each with its part of the tile in pieces of 16x8.
template <int TILE, int WARPS_DOWN, int WARPS_ACROSS, Precision PRECISION, typename WEIGHT = float>
struct TensorTiling {
  static constexpr int kTile = TILE;
  static constexpr int kThreads = WARPS_DOWN * WARPS_ACROSS * kWarp;
  static constexpr int kTeams = 1;
  static constexpr int kBlocks = 1;  // that a multiprocessor holds at least
  static constexpr int kWarpRows = TILE / WARPS_DOWN;
  static constexpr int kWarpColumns = TILE / WARPS_ACROSS;
  static constexpr int kDown = kWarpRows / 16;
  static constexpr int kAcross = kWarpColumns / 8;
  static constexpr int kRows = kDown * 2;  // of C that a thread holds, and columns, in runs of neighbours
  static constexpr int kColumns = kAcross * 2;
  static constexpr int kRun = 2;

  template <bool ALONG_K, bool = false>
  using Operand = AsyncSide<ALONG_K, TILE, kThreads>;
  using Weight = WEIGHT;
  template <bool ALONG_K>
  using Weights = typename WeightSide<WEIGHT, ALONG_K, TILE, kThreads>::Type;

  struct Shared {
    alignas(16) float a[kStages][TILE * kDepth];
    alignas(16) WEIGHT b[kStages][TILE * kDepth];
  };

  static __device__ __forceinline__ uint32 team() { return 0; }
  static __device__ __forceinline__ uint32 thread() { return threadIdx.x; }
  static __device__ __forceinline__ int warp() { return threadIdx.x / kWarp; }
  static __device__ __forceinline__ int group() { return threadIdx.x % kWarp / 4; }
  static __device__ __forceinline__ int pair() { return threadIdx.x % 4; }

  // Within the tile: row of this thread's i-th row of C, column of its j-th.
  static __device__ __forceinline__ int row(int i) {
    return warp() / WARPS_ACROSS * kWarpRows + i / 2 * 16 + i % 2 * 8 + group();
  }
  static __device__ __forceinline__ int column(int j) {
    return warp() % WARPS_ACROSS * kWarpColumns + j / 2 * 8 + pair() * 2 + j % 2;
  }

  // sums += A B over k in [k_begin, k_end). Where asked for, `column_sum` of thread t gets the sum over k of A(t, k), for
  // t < TILE. Ends with a barrier.
  template <typename A, typename B>
  static __device__ __forceinline__ void multiply(const A& a, const B& b, int k_begin, int k_end, Shared& shared,
                                                  float (&sums)[kRows][kColumns], bool sums_columns,
                                                  float& column_sum) {
#pragma unroll
    for (int stage = 0; stage < kStages - 1; stage++) {
      start(a, b, k_begin + stage * kDepth, k_end, shared, stage);
    }
    int stage = 0;
    int next = kStages - 1;
    for (int k = k_begin; k < k_end; k += kDepth) {
      wait_for_copies<kStages - 2>();
      __syncthreads();  // this stage is there for all, and all are done with the one that is filled next
      start(a, b, k + (kStages - 1) * kDepth, k_end, shared, next);
      multiply_stage<A, B>(shared.a[stage], shared.b[stage], sums);
      if (sums_columns && threadIdx.x < TILE) {
#pragma unroll
        for (int d = 0; d < kDepth; d++) column_sum += a.at(shared.a[stage], threadIdx.x, d);
      }
      stage = stage + 1 == kStages ? 0 : stage + 1;
      next = next + 1 == kStages ? 0 : next + 1;
    }
    wait_for_copies<0>();
    __syncthreads();
  }

 private:
  // A group is committed even where nothing is left to copy: the waits count groups.
  template <typename A, typename B>
  static __device__ __forceinline__ void start(const A& a, const B& b, int k, int k_end, Shared& shared, int stage) {
    if (k < k_end) {
      a.copy(k, k_end, shared.a[stage]);
      b.copy(k, k_end, shared.b[stage]);
    }
    commit_copies();
  }

  template <typename A, typename B>
  static __device__ __forceinline__ void multiply_stage(const float* a, const WEIGHT* b,
                                                        float (&sums)[kRows][kColumns]) {
    using Product = TensorProduct<PRECISION>;
    constexpr int kStep = Product::kStep;
    int first_row = warp() / WARPS_ACROSS * kWarpRows;
    int first_column = warp() % WARPS_ACROSS * kWarpColumns;
#pragma unroll
    for (int k = 0; k < kDepth; k += kStep) {
      uint32 bs[kAcross][Product::kParts][2];
#pragma unroll
      for (int j = 0; j < kAcross; j++) {
        if constexpr (sizeof(WEIGHT) == sizeof(bfloat16)) {
          static_assert(PRECISION == kBf16 && kAcross % 2 == 0, "columns come in pairs");
          if (j % 2 == 0) B::load(b, first_column + j * 8, k, bs[j][0], bs[j + 1][0]);
        } else {
          float values[Product::kValues];
          int index = first_column + j * 8 + group();
          load<B::kAlongK>(b, index, k, values);
          Product::round(values, bs[j]);
        }
      }
#pragma unroll
      for (int i = 0; i < kDown; i++) {
        uint32 as[Product::kParts][4];
        float upper[Product::kValues];
        float lower[Product::kValues];
        if constexpr (A::kAlongK && PRECISION != kBf16) {
          load_matrix(a, first_row + i * 16, k, upper, lower);
        } else {
          load<A::kAlongK>(a, first_row + i * 16 + group(), k, upper);
          load<A::kAlongK>(a, first_row + i * 16 + group() + 8, k, lower);
        }
        Product::round(upper, lower, as);
#pragma unroll
        for (int j = 0; j < kAcross; j++) {
          Product::multiply(sums[i * 2][j * 2], sums[i * 2][j * 2 + 1], sums[i * 2 + 1][j * 2], sums[i * 2 + 1][j * 2 + 1],
                            as, bs[j]);
        }
      }
    }
  }

  // What this thread holds of one row of A or column of B: depths t and t + 4, or the pairs 2t and 2t + 8.
  template <bool ALONG_K, int N>
  static __device__ __forceinline__ void load(const float* tile, int index, int k, float (&values)[N]) {
    using S = AsyncSide<ALONG_K, TILE, kThreads>;
    if constexpr (PRECISION != kBf16) {
      values[0] = S::at(tile, index, k + pair());
      values[1] = S::at(tile, index, k + pair() + 4);
    } else if constexpr (ALONG_K) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        float2 two = *reinterpret_cast<const float2*>(tile + S::place(index, k + pair() * 2 + half * 8));
        values[half * 2] = two.x;
        values[half * 2 + 1] = two.y;
      }
    } else {
#pragma unroll
      for (int i = 0; i < 4; i++) values[i] = S::at(tile, index, k + pair() * 2 + i % 2 + i / 2 * 8);
    }
  }

  // The same for rows g and g + 8 of a piece of A that lies along k, in one instruction.
  static __device__ __forceinline__ void load_matrix(const float* tile, int first, int k, float (&upper)[2],
                                                     float (&lower)[2]) {
    int lane = threadIdx.x % kWarp;
    uint32 words[4];
    load_matrices(words, tile + Operand<true>::place(first + lane % 16, k + lane / 16 * 4));
    upper[0] = __uint_as_float(words[0]);
    lower[0] = __uint_as_float(words[1]);
    upper[1] = __uint_as_float(words[2]);
    lower[1] = __uint_as_float(words[3]);
  }
};
