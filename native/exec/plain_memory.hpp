// What a kernel's plain accesses are in C++. Blocks that other CPU threads run may touch the same global bytes, and a
// program may rely on getting one value or the other. Elements are relaxed atomics. The row of a whole warp is moved by
// vector instructions that the compiler cannot look into; x86 splits none of the aligned words in them. ThreadSanitizer
// cannot look into them either, so under it rows are atomics too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace talweg::exec {

// kAlone: one CPU thread at a time touches the memory, as that of a block.
template <bool kAlone>
struct PlainMemory {
  template <class M>
  static M load(const std::byte* from) {
    if constexpr (kAlone) {
      M value;
      std::memcpy(&value, from, sizeof value);
      return value;
    } else {
      return __atomic_load_n(reinterpret_cast<const M*>(from), __ATOMIC_RELAXED);
    }
  }

  template <class M>
  static void store(std::byte* to, M value) {
    if constexpr (kAlone) std::memcpy(to, &value, sizeof value);
    else __atomic_store_n(reinterpret_cast<M*>(to), value, __ATOMIC_RELAXED);
  }

  // Elements M that lie side by side, kBytes in all: a multiple of 16.
  template <class M, size_t kBytes>
  static void load_row(void* to, const std::byte* from) {
    move_row<M, kBytes, true>(static_cast<std::byte*>(to), const_cast<std::byte*>(from));
  }
  template <class M, size_t kBytes>
  static void store_row(std::byte* to, const void* from) {
    move_row<M, kBytes, false>(static_cast<std::byte*>(const_cast<void*>(from)), to);
  }

 private:
  using Half = long long __attribute__((vector_size(16), aligned(1), may_alias));
  using Whole = long long __attribute__((vector_size(32), aligned(1), may_alias));

  template <bool kLoads, class Vector>
  static void move(std::byte* ours, std::byte* theirs) {
    Vector *own = reinterpret_cast<Vector*>(ours), *other = reinterpret_cast<Vector*>(theirs);
    Vector value;
    if constexpr (kLoads) {
      asm volatile("vmovdqu %1, %0" : "=x"(value) : "m"(*other));
      *own = value;
    } else {
      value = *own;
      asm volatile("vmovdqu %1, %0" : "=m"(*other) : "x"(value));
    }
  }

  // Between memory of ours and memory that is watched by nobody knows whom.
  template <class M, size_t kBytes, bool kLoads>
  static void move_row(std::byte* ours, std::byte* theirs) {
    static_assert(kBytes % 16 == 0);
    if constexpr (kAlone) {
      if constexpr (kLoads) std::memcpy(ours, theirs, kBytes);
      else std::memcpy(theirs, ours, kBytes);
      return;
    }
#ifdef __SANITIZE_THREAD__
    for (size_t i = 0; i < kBytes; i += sizeof(M)) {
      M* own = reinterpret_cast<M*>(ours + i);
      if constexpr (kLoads) *own = load<M>(theirs + i);
      else store<M>(theirs + i, *own);
    }
#else
    for (size_t i = 0; i < kBytes; i += kBytes % 32 == 0 ? 32 : 16) {
      if constexpr (kBytes % 32 == 0) move<kLoads, Whole>(ours + i, theirs + i);
      else move<kLoads, Half>(ours + i, theirs + i);
    }
#endif
  }
};

}  // namespace talweg::exec
