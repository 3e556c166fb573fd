// Tiles on their way through registers into shared memory, in two halves: while one is multiplied, the next is on its
// way into registers, and then into the other. For chips without asynchronous copies.
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
// is one k. In shared memory each row is one k. What lies beyond the operand's own index repeats its last values: nobody
// stores what comes of them. NUMBERED: rows that are k may be read through an order.
template <bool ALONG_K, bool NUMBERED, int SIZE, int DEPTH>
struct RegisterSide : OperandSide {
  static constexpr bool kAlongK = ALONG_K;
  static constexpr int kApart = 8;
  static constexpr int kSlots = DEPTH / kApart;

  const float* at;  // this thread's first quad of the next tile, unless NUMBERED
  float4 held[kSlots];

  __device__ __forceinline__ RegisterSide(Rows source, int first, int limit, int k_begin, uint32 thread)
      : OperandSide(source, first, limit) {
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

  // Where in shared memory the four values from `index` on lie, of depth 0.
  static __device__ __forceinline__ int place_of_group(int index) { return index; }

  static __device__ __forceinline__ float value(const float* tiles, int stage, int index, int depth) {
    return tiles[stage + depth * SIZE + swizzle(depth, index)];
  }

  // A thread's values, in groups of four that lie APART.
  template <int APART>
  struct Reader {
    static constexpr bool kQuadsAlongK = false;
    const float* tile;
    int place;
    int swizzled;

    __device__ __forceinline__ Reader(const float* tiles, int group, int stage)
        : tile(tiles + stage), place(group), swizzled(swizzle(4, here(group))) {}

    // Those of one depth. With two groups 16 apart, the swizzle is their exchange.
    template <int N>
    __device__ __forceinline__ void load(int depth, float (&values)[N]) const {
      constexpr bool kExchanges = N == 8 && APART == 16;
      bool swaps = depth & 4;
      const float* from = tile + depth * SIZE + (swaps && !kExchanges ? swizzled : place);
#pragma unroll
      for (int g = 0; g < N / 4; g++) {
        reinterpret_cast<float4*>(values)[g] = load4(from + (swaps && kExchanges ? 1 - g : g) * APART);
      }
    }
  };
};

struct RegisterFeed {
  template <bool ALONG_K, bool NUMBERED, int SIZE, int DEPTH>
  using Side = RegisterSide<ALONG_K, NUMBERED, SIZE, DEPTH>;

  template <int TILE, int DEPTH>
  struct Shared {
    static constexpr int kDepth = DEPTH;
    static constexpr int kFloats = DEPTH * TILE;
    alignas(16) float a[2 * kFloats];
    alignas(16) float b[2 * kFloats];
  };

  // Calls use(stage) for each step along k, where in the shared memory of A and of B its tiles begin. Ends with a barrier.
  template <typename T, typename A, typename B, typename Use>
  static __device__ __forceinline__ void feed(A& a, B& b, int k_begin, int k_end, typename T::Shared& shared, Use use) {
    constexpr int kDepth = T::Shared::kDepth;
    constexpr int kFloats = T::Shared::kFloats;
    // Whether the places in shared memory are kept in registers: not where an operand lies across k, and its addresses
    // want them. There they are found anew each time.
    constexpr bool kPlaced = A::kAlongK && B::kAlongK;
    int places[] = {here(A::place(T::thread())), here(B::place(T::thread()))};
    bool quads = a.vectors && b.vectors;

    auto fetch = [&](int k) {
      uint32 t = kPlaced ? 0 : T::thread();
      if (quads && k + kDepth <= k_end) {
        a.fetch(k, t);
        b.fetch(k, t);
      } else {
        t = kPlaced ? T::thread() : t;
        a.fetch(k, k_end, t);
        b.fetch(k, k_end, t);
      }
      a.advance();
      b.advance();
    };
    auto put = [&](int stage) {
      uint32 t = kPlaced ? 0 : T::thread();
      a.put(shared.a + stage, kPlaced ? places[0] : A::place(t));
      b.put(shared.b + stage, kPlaced ? places[1] : B::place(t));
    };
    auto step = [&](int k, int now, int other) {
      bool more = k + kDepth < k_end;
      if (more) fetch(k + kDepth);
      use(now);
      if (more) put(other);
      T::barrier();
    };

    fetch(k_begin);
    put(0);
    T::barrier();
    for (int k = k_begin; k < k_end; k += 2 * kDepth) {
      step(k, 0, kFloats);
      if (k + kDepth < k_end) step(k + kDepth, kFloats, 0);
    }
  }
};
