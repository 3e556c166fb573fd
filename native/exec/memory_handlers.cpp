#include "memory_handlers.hpp"

#include "memory_access.hpp"
#include "plain_memory.hpp"

namespace talweg::exec {

namespace {

// Shared addresses in 64-bit registers, as NVRTC likes them: the upper half of Instr::imm names their slot, Instr::a a
// scratch slot that takes them cut to 32 bits. What does not fit lies outside any block's memory.
void narrow_addresses(Warp& warp, const Instr& in) {
  const uint64_t* wide = slot<uint64_t>(warp, static_cast<Slot>(in.imm >> 32));
  uint32_t* narrow = slot<uint32_t>(warp, in.a);
  for (int i = 0; i < kLanes; i++) {
    const uint64_t address = wide[i] & ~kWindowMask;
    narrow[i] = address >> 31 != 0 ? 0x7ffffff0u : static_cast<uint32_t>(address);
  }
}

template <Path kPath>
void locate_on(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes, Access access, Located& located) {
  if constexpr (kPath == Path::kGlobal) locate_global(warp, in, active, bytes, access, located);
  else if constexpr (kPath == Path::kSharedWide) {
    narrow_addresses(warp, in);
    locate_shared(warp, in, active, bytes, access, located);
  } else if constexpr (kPath == Path::kShared) locate_shared(warp, in, active, bytes, access, located);
  else locate(warp, in, in.kind, active, bytes, access, located);
}

// M: type in memory; W: word of the register; N: elements of the vector.
template <class M, class W>
W widen(M value) {
  if constexpr (std::is_signed_v<M>) return static_cast<W>(static_cast<std::make_signed_t<W>>(value));
  else return static_cast<W>(value);
}

template <Path kPath>
using Plain = PlainMemory<kPath == Path::kShared || kPath == Path::kSharedWide>;

template <class W, int N>
struct Destinations {
  W* slots[N];
  Destinations(Warp& warp, const Instr& in) {
    const Slot all[4] = {in.dst, in.b, in.c, in.d};
    for (int n = 0; n < N; n++) slots[n] = slot<W>(warp, all[n]);
  }
};

// Four words of each of four lanes to four slots, or back: a transposition in registers.
using Four = uint32_t __attribute__((vector_size(16)));

inline void transpose(Four (&rows)[4]) {
  const auto [a, b, c, d] = rows;
  const Four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Four ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7), cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  rows[0] = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
  rows[1] = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  rows[2] = __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5);
  rows[3] = __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7);
}

template <class Memory>
[[gnu::always_inline]] inline void load_four_lanes(const std::byte* const host[4], uint32_t* const slots[4], int lane) {
  Four rows[4];
  for (int i = 0; i < 4; i++) Memory::template load_row<uint32_t, 16>(&rows[i], host[i]);
  transpose(rows);
  for (int n = 0; n < 4; n++) std::memcpy(slots[n] + lane, &rows[n], 16);
}

template <class Memory>
[[gnu::always_inline]] inline void store_four_lanes(std::byte* const host[4], const uint32_t* const slots[4], int lane) {
  Four rows[4];
  for (int n = 0; n < 4; n++) std::memcpy(&rows[n], slots[n] + lane, 16);
  transpose(rows);
  for (int i = 0; i < 4; i++) Memory::template store_row<uint32_t, 16>(host[i], &rows[i]);
}

// Of a launch that is suspected to stand still: whether a store is about to change anything.
template <class M, class W, int N>
void note_change(Warp& warp, uint32_t active, const Located& located, const Destinations<W, N>& values) {
  bool changes = false;
  for_each_lane(active, [&](int i) {
    const std::byte* host = located.of(i, N * sizeof(M));
    for (int n = 0; n < N; n++) {
      changes = changes || PlainMemory<false>::load<M>(host + n * sizeof(M)) != static_cast<M>(values.slots[n][i]);
    }
  });
  if (changes) warp.block->changed();
}

template <class M, class W, int N, Path kPath>
const Instr* load(Warp& warp, const Instr& in) {
  using Memory = Plain<kPath>;
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  Located located;
  locate_on<kPath>(warp, in, active, sizeof(M) * N, Access::kRead, located);
  const Destinations<W, N> d(warp, in);
  if (warp.suspected && located.shape != Shape::kFault) listen(warp, active, located);
  switch (located.shape) {
    case Shape::kFault: return stop();
    case Shape::kContiguous: {
      const std::byte* host = located.host[0];
      if constexpr (N == 1 && sizeof(M) == sizeof(W)) {
        Memory::template load_row<M, kLanes * sizeof(M)>(d.slots[0], host);
      } else if constexpr (N == 4 && sizeof(M) == 4 && sizeof(W) == 4) {
        for (int i = 0; i < kLanes; i += 4) {
          const std::byte* lanes[4] = {host + 16 * i, host + 16 * i + 16, host + 16 * i + 32, host + 16 * i + 48};
          load_four_lanes<Memory>(lanes, d.slots, i);
        }
      } else {
        M row[kLanes * N];
        Memory::template load_row<M, sizeof row>(row, host);
        for (int i = 0; i < kLanes; i++) {
          for (int n = 0; n < N; n++) d.slots[n][i] = widen<M, W>(row[i * N + n]);
        }
      }
      break;
    }
    case Shape::kUniform:
      for (int n = 0; n < N; n++) {
        const W value = widen<M, W>(Memory::template load<M>(located.host[0] + n * sizeof(M)));
        W* slot = d.slots[n];
        if (active == kAllLanes) {
          for (int i = 0; i < kLanes; i++) slot[i] = value;
        } else {
          for (int i = 0; i < kLanes; i++) slot[i] = (active >> i & 1) != 0 ? value : slot[i];
        }
      }
      break;
    case Shape::kSpread:
      if constexpr (N == 4 && sizeof(M) == 4 && sizeof(W) == 4) {
        if (active == kAllLanes) {
          for (int i = 0; i < kLanes; i += 4) load_four_lanes<Memory>(located.host + i, d.slots, i);
          break;
        }
      }
      if (active == kAllLanes) {
        for (int i = 0; i < kLanes; i++) {
          for (int n = 0; n < N; n++) {
            d.slots[n][i] = widen<M, W>(Memory::template load<M>(located.host[i] + n * sizeof(M)));
          }
        }
      } else {
        for_each_lane(active, [&](int i) {
          for (int n = 0; n < N; n++) {
            d.slots[n][i] = widen<M, W>(Memory::template load<M>(located.host[i] + n * sizeof(M)));
          }
        });
      }
      break;
  }
  return &in + 1;
}

template <class M, class W, int N, Path kPath>
const Instr* store(Warp& warp, const Instr& in) {
  using Memory = Plain<kPath>;
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  Located located;
  locate_on<kPath>(warp, in, active, sizeof(M) * N, Access::kWrite, located);
  const Destinations<W, N> s(warp, in);
  if (located.shape == Shape::kFault) return stop();
  if (warp.suspected) note_change<M>(warp, active, located, s);
  if (located.shape == Shape::kContiguous) {
    std::byte* host = located.host[0];
    if constexpr (N == 1 && sizeof(M) == sizeof(W)) {
      Memory::template store_row<M, kLanes * sizeof(M)>(host, s.slots[0]);
    } else if constexpr (N == 4 && sizeof(M) == 4 && sizeof(W) == 4) {
      for (int i = 0; i < kLanes; i += 4) {
        std::byte* lanes[4] = {host + 16 * i, host + 16 * i + 16, host + 16 * i + 32, host + 16 * i + 48};
        store_four_lanes<Memory>(lanes, s.slots, i);
      }
    } else {
      M row[kLanes * N];
      for (int i = 0; i < kLanes; i++) {
        for (int n = 0; n < N; n++) row[i * N + n] = static_cast<M>(s.slots[n][i]);
      }
      Memory::template store_row<M, sizeof row>(host, row);
    }
    return &in + 1;
  }
  for_each_lane(active, [&](int i) {
    std::byte* host = located.host[located.shape == Shape::kUniform ? 0 : i];
    for (int n = 0; n < N; n++) Memory::template store<M>(host + n * sizeof(M), static_cast<M>(s.slots[n][i]));
  });
  return &in + 1;
}

// Volatile, relaxed, acquire and release accesses are atomic in C++ too. A loop of such loads is likely to wait for
// another thread, which needs its turn.
template <class M, class W, int N>
const Instr* load_strong(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  Located located;
  locate_on<Path::kOther>(warp, in, active, sizeof(M) * N, Access::kRead, located);
  if (located.shape == Shape::kFault) return stop();
  const Destinations<W, N> d(warp, in);
  if (warp.suspected) listen(warp, active, located);
  const bool row = located.shape == Shape::kContiguous, uniform = located.shape == Shape::kUniform;
  for_each_lane(active, [&](int i) {
    const std::byte* host = row ? located.host[0] + i * N * sizeof(M) : located.host[uniform ? 0 : i];
    for (int n = 0; n < N; n++) {
      const M value = __atomic_load_n(reinterpret_cast<const M*>(host + n * sizeof(M)), __ATOMIC_ACQUIRE);
      d.slots[n][i] = widen<M, W>(value);
    }
  });
  warp.likely_spin();
  return &in + 1;
}

template <class M, class W, int N>
const Instr* store_strong(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  Located located;
  locate_on<Path::kOther>(warp, in, active, sizeof(M) * N, Access::kWrite, located);
  if (located.shape == Shape::kFault) return stop();
  const Destinations<W, N> s(warp, in);
  if (warp.suspected) note_change<M>(warp, active, located, s);
  const bool row = located.shape == Shape::kContiguous, uniform = located.shape == Shape::kUniform;
  for_each_lane(active, [&](int i) {
    std::byte* host = row ? located.host[0] + i * N * sizeof(M) : located.host[uniform ? 0 : i];
    for (int n = 0; n < N; n++) {
      __atomic_store_n(reinterpret_cast<M*>(host + n * sizeof(M)), static_cast<M>(s.slots[n][i]), __ATOMIC_RELEASE);
    }
  });
  return &in + 1;
}

// 16 bytes as one: vector moves of aligned ones are atomic on every CPU with AVX. Slots as those of a pair of words.
template <bool kLoads>
const Instr* move_128(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  Located located;
  locate(warp, in, in.kind, active, 16, kLoads ? Access::kRead : Access::kWrite, located);
  if (located.shape == Shape::kFault) return stop();
  const Destinations<uint64_t, 2> halves(warp, in);
  if (warp.suspected) {
    if (kLoads) listen(warp, active, located);
    else note_change<uint64_t>(warp, active, located, halves);
  }
  for_each_lane(active, [&](int i) {
    std::byte* host = located.of(i, 16);
    uint64_t value[2] = {halves.slots[0][i], halves.slots[1][i]};
    if constexpr (kLoads) PlainMemory<false>::load_row<uint64_t, 16>(value, host);
    else PlainMemory<false>::store_row<uint64_t, 16>(host, value);
    if (kLoads) {
      halves.slots[0][i] = value[0];
      halves.slots[1][i] = value[1];
    }
  });
  if (kLoads && (in.access & kStrong) != 0) warp.likely_spin();
  return &in + 1;
}

// A kernel parameter: the same for all lanes of all warps.
template <class M, class W>
const Instr* load_parameter(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  const std::byte* parameter = reinterpret_cast<const std::byte*>(warp.block->parameters()) + in.imm;
  const W value = widen<M, W>(PlainMemory<true>::load<M>(parameter));
  W* d = slot<W>(warp, in.dst);
  if (active == kAllLanes) {
    for (int i = 0; i < kLanes; i++) d[i] = value;
  } else {
    for (int i = 0; i < kLanes; i++) d[i] = (active >> i & 1) != 0 ? value : d[i];
  }
  return &in + 1;
}

template <class M, class W, int N>
Handler choose_path(bool is_load, bool strong, Path path) {
  if (strong) return is_load ? &load_strong<M, W, N> : &store_strong<std::make_unsigned_t<M>, W, N>;
  switch (path) {
    case Path::kGlobal:
      return is_load ? &load<M, W, N, Path::kGlobal> : &store<std::make_unsigned_t<M>, W, N, Path::kGlobal>;
    case Path::kShared:
      return is_load ? &load<M, W, N, Path::kShared> : &store<std::make_unsigned_t<M>, W, N, Path::kShared>;
    case Path::kSharedWide:
      return is_load ? &load<M, W, N, Path::kSharedWide> : &store<std::make_unsigned_t<M>, W, N, Path::kSharedWide>;
    default: return is_load ? &load<M, W, N, Path::kOther> : &store<std::make_unsigned_t<M>, W, N, Path::kOther>;
  }
}

template <class M, class W>
Handler choose_width(int n, bool is_load, bool strong, Path path) {
  if constexpr (sizeof(M) > sizeof(W)) return nullptr;
  else if (n == 1) return choose_path<M, W, 1>(is_load, strong, path);
  else if (n == 2) return choose_path<M, W, 2>(is_load, strong, path);
  else if constexpr (sizeof(M) < 8) return choose_path<M, W, 4>(is_load, strong, path);
  else return nullptr;
}

template <class M>
Handler choose_word(int register_bytes, int n, bool is_load, bool strong, Path path) {
  return register_bytes == 8 ? choose_width<M, uint64_t>(n, is_load, strong, path)
                             : choose_width<M, uint32_t>(n, is_load, strong, path);
}

template <class M>
Handler parameter_word(int register_bytes) {
  if constexpr (sizeof(M) < 8) {
    if (register_bytes == 4) return &load_parameter<M, uint32_t>;
  }
  return &load_parameter<M, uint64_t>;
}

}  // namespace

Handler access_handler(Type type, int register_bytes, int n, bool is_load, bool strong, Path path) {
  switch (ptx::bytes_of(type)) {
    case 1:
      if (type == Type::kS8) return choose_word<int8_t>(register_bytes, n, is_load, strong, path);
      return choose_word<uint8_t>(register_bytes, n, is_load, strong, path);
    case 2:
      if (type == Type::kS16) return choose_word<int16_t>(register_bytes, n, is_load, strong, path);
      return choose_word<uint16_t>(register_bytes, n, is_load, strong, path);
    case 4:
      if (type == Type::kS32) return choose_word<int32_t>(register_bytes, n, is_load, strong, path);
      return choose_word<uint32_t>(register_bytes, n, is_load, strong, path);
    case 8: return choose_word<uint64_t>(register_bytes, n, is_load, strong, path);
    default: return nullptr;
  }
}

Handler parameter_handler(Type type, int register_bytes) {
  switch (type) {
    case Type::kS8: return parameter_word<int8_t>(register_bytes);
    case Type::kS16: return parameter_word<int16_t>(register_bytes);
    case Type::kS32: return parameter_word<int32_t>(register_bytes);
    default: break;
  }
  switch (ptx::bytes_of(type)) {
    case 1: return parameter_word<uint8_t>(register_bytes);
    case 2: return parameter_word<uint16_t>(register_bytes);
    case 4: return parameter_word<uint32_t>(register_bytes);
    default: return parameter_word<uint64_t>(register_bytes);
  }
}

Handler handler_128(bool is_load) { return is_load ? &move_128<true> : &move_128<false>; }

}  // namespace talweg::exec
