// How handlers read and write registers: one function of scalars becomes a loop over the lanes of a warp.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "warp.hpp"

namespace talweg::exec {

inline constexpr int kLanes = 32;
inline constexpr uint32_t kAllLanes = 0xffffffffu;

template <class To, class From>
To bit_cast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

// The word that holds a T in a slot. Narrow values are zero-extended; readers cut them to size.
template <class T>
using Word = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <class T>
inline T from_word(Word<T> word) {
  if constexpr (sizeof(T) < 4) return static_cast<T>(word);
  else return bit_cast<T>(word);
}

template <class T>
inline Word<T> to_word(T value) {
  if constexpr (sizeof(T) < 4) return static_cast<std::make_unsigned_t<T>>(value);
  else return bit_cast<Word<T>>(value);
}

template <class W>
inline W* slot(Warp& warp, Slot slot) {
  return reinterpret_cast<W*>(warp.bases[slot & kBaseMask] + (slot & ~kBaseMask));
}

inline uint32_t predicate(Warp& warp, Slot s) { return *slot<uint32_t>(warp, s); }

// The lanes of the running group that the instruction's guard lets through.
inline uint32_t active_lanes(Warp& warp, const Instr& instr) {
  return warp.mask & (predicate(warp, instr.guard) ^ instr.guard_flip);
}

inline void write_predicate(Warp& warp, Slot s, uint32_t active, uint32_t bits) {
  uint32_t& word = *slot<uint32_t>(warp, s);
  word = (word & ~active) | (bits & active);
}

// Lanewise<f>::run is the handler of d = f(a[, b[, c]]). The predicated loop blends instead of branching, so that
// it vectorises too; f must therefore be harmless on the stale values of inactive lanes.
template <auto F>
struct Lanewise;

template <class D, class A, D (*F)(A)>
struct Lanewise<F> {
  static const Instr* run(Warp& warp, const Instr& in) {
    const uint32_t active = active_lanes(warp, in);
    Word<D>* d = slot<Word<D>>(warp, in.dst);
    const Word<A>* a = slot<Word<A>>(warp, in.a);
    if (active == kAllLanes) {
#pragma GCC ivdep
      for (int i = 0; i < kLanes; i++) d[i] = to_word<D>(F(from_word<A>(a[i])));
    } else if (active != 0) {
#pragma GCC ivdep
      for (int i = 0; i < kLanes; i++) {
        const Word<D> value = to_word<D>(F(from_word<A>(a[i])));
        d[i] = (active >> i & 1) != 0 ? value : d[i];
      }
    }
    return &in + 1;
  }
};

template <class D, class A, class B, D (*F)(A, B)>
struct Lanewise<F> {
  static const Instr* run(Warp& warp, const Instr& in) {
    const uint32_t active = active_lanes(warp, in);
    Word<D>* d = slot<Word<D>>(warp, in.dst);
    const Word<A>* a = slot<Word<A>>(warp, in.a);
    const Word<B>* b = slot<Word<B>>(warp, in.b);
    if (active == kAllLanes) {
#pragma GCC ivdep
      for (int i = 0; i < kLanes; i++) d[i] = to_word<D>(F(from_word<A>(a[i]), from_word<B>(b[i])));
    } else if (active != 0) {
#pragma GCC ivdep
      for (int i = 0; i < kLanes; i++) {
        const Word<D> value = to_word<D>(F(from_word<A>(a[i]), from_word<B>(b[i])));
        d[i] = (active >> i & 1) != 0 ? value : d[i];
      }
    }
    return &in + 1;
  }
};

template <class D, class A, class B, class C, D (*F)(A, B, C)>
struct Lanewise<F> {
  static const Instr* run(Warp& warp, const Instr& in) {
    const uint32_t active = active_lanes(warp, in);
    Word<D>* d = slot<Word<D>>(warp, in.dst);
    const Word<A>* a = slot<Word<A>>(warp, in.a);
    const Word<B>* b = slot<Word<B>>(warp, in.b);
    const Word<C>* c = slot<Word<C>>(warp, in.c);
    if (active == kAllLanes) {
#pragma GCC ivdep
      for (int i = 0; i < kLanes; i++) {
        d[i] = to_word<D>(F(from_word<A>(a[i]), from_word<B>(b[i]), from_word<C>(c[i])));
      }
    } else if (active != 0) {
#pragma GCC ivdep
      for (int i = 0; i < kLanes; i++) {
        const Word<D> value = to_word<D>(F(from_word<A>(a[i]), from_word<B>(b[i]), from_word<C>(c[i])));
        d[i] = (active >> i & 1) != 0 ? value : d[i];
      }
    }
    return &in + 1;
  }
};

// The bits of a mask where F holds.
template <class T, bool (*F)(T, T)>
inline uint32_t lanes_where(const Word<T>* a, const Word<T>* b) {
  uint32_t bits = 0;
  for (int i = 0; i < kLanes; i++) bits |= F(from_word<T>(a[i]), from_word<T>(b[i])) ? 1u << i : 0u;
  return bits;
}

template <class Visit>
inline void for_each_lane(uint32_t lanes, Visit visit) {
  for (; lanes != 0; lanes &= lanes - 1) visit(__builtin_ctz(lanes));
}

}  // namespace talweg::exec
