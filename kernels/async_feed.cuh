// Tiles copied into shared memory past the registers, kStages deep: while one is multiplied, the next two are on their way.
// Compute capability 8.0 and up.
#pragma once
#include "matrix_rows.cuh"
#include "tensor.cuh"

// The same place in another stage, whose tile begins so many bytes behind.
__device__ __forceinline__ const float* in_stage(const float* place, int bytes) {
  return reinterpret_cast<const float*>(reinterpret_cast<const char*>(place) + bytes);
}

// One operand's side of the tile: SIZE values of its own index, DEPTH of k: each of 2 SIZE threads copies a quad of every
// 8 depths. ALONG_K says how it lies in memory: true, each row is one value of its index and runs along k; false, each
// row is one k. What lies beyond the operand's own index repeats its last values, or is zero: nobody stores what comes of
// it. NUMBERED: rows that are k may be read through an order.
//
// In shared memory it lies as it does in memory, so that quads stay quads. Rows that are k follow each other. Of rows
// along k, 8 quads lie side by side that belong to the same depths and to rows four apart: those that 8 lanes read
// together, each having four neighbouring rows. Thus no access meets another in a bank, and where a thread reads differs
// from quad to quad by constants.
template <bool ALONG_K, bool NUMBERED, int SIZE, int DEPTH>
struct AsyncSide : OperandSide {
  static constexpr bool kAlongK = ALONG_K;
  static constexpr int kApart = 8;
  static constexpr int kSlots = DEPTH / kApart;
  static constexpr int kQuads = DEPTH / 4;  // of a row along k

  const float* at;  // this thread's first quad of the next tile; NUMBERED: of row 0

  __device__ __forceinline__ AsyncSide(Rows source, int first, int limit, int k_begin, uint32 thread)
      : OperandSide(source, first, limit) {
    if constexpr (ALONG_K) at = rows.row(min(begin + across(thread), end - 1)) + k_begin + depth(thread);
    else at = (NUMBERED ? rows.base : rows.row(k_begin + depth(thread))) + column(thread);
  }

  // Within the tile: index and depth of this thread's first quad.
  static __device__ __forceinline__ int across(uint32 thread) {
    return ALONG_K ? thread / 64 * 32 + thread % 8 * 4 + thread / 16 % 4 : thread % (SIZE / 4) * 4;
  }
  static __device__ __forceinline__ int depth(uint32 thread) {
    return ALONG_K ? thread / 8 % 2 * 4 : thread / (SIZE / 4);
  }

  // Of an operand across k, where in its rows this thread's quad begins.
  __device__ __forceinline__ int column(uint32 thread) const {
    return vectors ? min(begin + across(thread), end - 4) : begin + across(thread);
  }

  // Where in a tile in shared memory an element goes.
  static __device__ __forceinline__ int place(int index, int depth) {
    if constexpr (!ALONG_K) return depth * SIZE + index;
    return ((index / 32 * 4 + index % 4) * kQuads + depth / 4) * 32 + index % 32 / 4 * 4 + depth % 4;
  }

  // Starts copying depths k to k + DEPTH - 1, zero beyond k_end, to this thread's place in a tile. WHOLE: all of them are
  // there, and rows consist of quads. Where rows do not, values are copied one by one, those of a quad in an order
  // that differs between the lanes which would meet in a bank.
  template <bool WHOLE>
  __device__ __forceinline__ void copy(int k, int k_end, uint32 to, uint32 thread) const {
#pragma unroll
    for (int slot = 0; slot < kSlots; slot++) {
      int first = k + depth(thread) + slot * kApart;
      bool there = WHOLE || first < k_end;
      const float* from = at;
      if constexpr (ALONG_K) from += slot * kApart;
      else if constexpr (!NUMBERED) from += slot * kApart * static_cast<int64>(rows.width);
      else if (there) from += rows.offset(first);
      uint32 target = to + slot * kApart * (ALONG_K ? 8 : SIZE) * 4;
      if constexpr (WHOLE) {
        copy_async16(target, from);
      } else if (vectors) {
        copy_async16(target, from, there ? 16 : 0);
      } else {
#pragma unroll 1
        for (int i = 0; i < 4; i++) {
          int value = (i + thread / 8) % 4;
          bool copies = ALONG_K ? first + value < k_end : there && begin + across(thread) + value < end;
          copy_async4(target + value * 4, from + value, copies ? 4 : 0);
        }
      }
    }
  }

  __device__ __forceinline__ void advance() {
    if constexpr (ALONG_K) at += DEPTH;
    else if constexpr (!NUMBERED) at += DEPTH * static_cast<int64>(rows.width);
  }

  static __device__ __forceinline__ int place(uint32 thread) { return place(across(thread), depth(thread)); }

  // Where in shared memory the four values from `index` on lie, of depth 0.
  static __device__ __forceinline__ int place_of_group(int index) { return place(index, 0); }

  static __device__ __forceinline__ float value(const float* tiles, int stage, int index, int depth) {
    return in_stage(tiles, stage)[place(index, depth)];
  }

  // A thread's values, in groups of four that lie APART.
  template <int APART>
  struct Reader {
    static constexpr bool kQuadsAlongK = ALONG_K;
    const float* from;

    __device__ __forceinline__ Reader(const float* tiles, int group, int stage) : from(in_stage(tiles + group, stage)) {}

    // Those of one depth.
    template <int N>
    __device__ __forceinline__ void load(int depth, float (&values)[N]) const {
#pragma unroll
      for (int g = 0; g < N / 4; g++) reinterpret_cast<float4*>(values)[g] = load4(from + depth * SIZE + g * APART);
    }

    // Rows along k: to the next four depths.
    __device__ __forceinline__ void advance() { from += 32; }

    // Rows along k: four depths of the i-th.
    __device__ __forceinline__ void load(int i, int depth, float (&values)[4]) const {
      constexpr int kGroup = APART % 32 == 0 ? APART * DEPTH : APART;
      *reinterpret_cast<float4*>(values) = load4(from + i / 4 * kGroup + (i % 4 * kQuads + depth / 4) * 32);
    }
  };
};

struct AsyncFeed {
  static constexpr int kStages = 3;

  template <bool ALONG_K, bool NUMBERED, int SIZE, int DEPTH>
  using Side = AsyncSide<ALONG_K, NUMBERED, SIZE, DEPTH>;

  template <int TILE, int DEPTH>
  struct Shared {
    static constexpr int kDepth = DEPTH;
    alignas(128) float a[kStages * DEPTH * TILE];
    alignas(128) float b[kStages * DEPTH * TILE];
  };

  // Calls use(stage) for each step along k, by how many bytes its tiles lie behind the first ones. Ends with a barrier.
  template <typename T, typename A, typename B, typename Use>
  static __device__ __forceinline__ void feed(A& a, B& b, int k_begin, int k_end, typename T::Shared& shared, Use use) {
    constexpr int kDepth = T::Shared::kDepth;
    constexpr int kBytes = sizeof(T::Shared::a) / kStages;
    constexpr int kAhead = kStages - 1;
    constexpr bool kSamePlace = A::kAlongK == B::kAlongK;
    // Where this thread copies to, of the first stage.
    uint32 a_place = here(shared_address(shared.a) + A::place(T::thread()) * 4);
    uint32 b_place = kSamePlace ? a_place + sizeof shared.a : here(shared_address(shared.b) + B::place(T::thread()) * 4);
    // Up to which k all depths of a step are there, and in quads.
    int last_whole = a.vectors && b.vectors ? k_end - kDepth : k_begin - 1;

    // A group is committed even where nothing is left to copy: the waits count groups.
    auto start = [&](int k, int stage) {
      uint32 t = T::thread();
      if (k <= last_whole) {
        a.template copy<true>(k, k_end, a_place + stage, t);
        b.template copy<true>(k, k_end, b_place + stage, t);
      } else if (k < k_end) {
        a.template copy<false>(k, k_end, a_place + stage, t);
        b.template copy<false>(k, k_end, b_place + stage, t);
      }
      a.advance();
      b.advance();
      commit_copies();
    };

#pragma unroll
    for (int i = 0; i < kAhead; i++) start(k_begin + i * kDepth, i * kBytes);
    int stage = 0;
    for (int k = k_begin; k < k_end; k += kDepth) {
      wait_for_copies<kAhead - 1>();
      T::barrier();  // this stage is there for all, and all are done with the one before it, which is filled next
      start(k + kAhead * kDepth, stage == 0 ? kAhead * kBytes : stage - kBytes);
      use(stage);
      stage = stage == kAhead * kBytes ? 0 : stage + kBytes;
    }
    wait_for_copies<0>();
    T::barrier();
  }
};
