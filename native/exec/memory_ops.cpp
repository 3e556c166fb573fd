// ld and st in all spaces (PTX ISA, "Data Movement and Conversion Instructions").
#include "memory_ops.hpp"

#include "bulk_ops.hpp"
#include "plain_memory.hpp"

namespace talweg::exec {

using ptx::Space;

// Takes the state space and gives the kind of address that the operand then is. Constants lie in global memory.
AddressKind take_address_kind(Decoder& d, const Operand& address) {
  const Operand& base = address.parts.at(0);
  const int space = d.take_one_of({".global", ".shared", ".shared::cta", ".local", ".const", ".param", ".param::entry",
                                   ".param::func", ".shared::cluster"});
  const bool narrow = base.kind == Operand::Kind::kRegister && d.register_bytes(base) == 4;
  switch (space) {
    case 1:
    case 2: return narrow || base.kind != Operand::Kind::kRegister ? AddressKind::kShared32 : AddressKind::kShared64;
    case 3:
      if (base.kind == Operand::Kind::kVariable) return AddressKind::kFrame;
      return narrow ? AddressKind::kLocal32 : AddressKind::kLocal64;
    case 5:
    case 6:
    case 7:
      if (base.kind == Operand::Kind::kVariable && d.addresses().frame.count(base.variable) != 0) {
        return AddressKind::kFrame;
      }
      return AddressKind::kParameter;
    case 8: return narrow || base.kind != Operand::Kind::kRegister ? AddressKind::kCluster32 : AddressKind::kCluster64;
    case -1: return AddressKind::kGeneric;
    default: return AddressKind::kGlobal;
  }
}

// The slot with the lanes' bases, and in `offset` what to add to each.
Slot address_slot(Decoder& d, const Operand& address, AddressKind kind, uint64_t& offset) {
  const Operand& base = address.parts.at(0);
  offset = static_cast<uint64_t>(address.offset);
  if (base.kind == Operand::Kind::kRegister) {
    const int bytes = d.register_bytes(base);
    const bool may_be_narrow =
        kind == AddressKind::kShared32 || kind == AddressKind::kCluster32 || kind == AddressKind::kLocal32;
    if (bytes == 0 || (bytes == 4) != may_be_narrow) d.fail("an address register needs 64 bits here");
    return d.read(base, bytes == 4 ? Type::kU32 : Type::kU64);
  }
  if (base.kind == Operand::Kind::kInteger) {
    offset += base.bits;
  } else if (base.kind != Operand::Kind::kVariable) {
    d.fail("'" + std::string(base.name) + "' is no address");
  } else if (kind == AddressKind::kFrame) {
    offset += d.addresses().frame.at(base.variable);
  } else {
    offset += d.address_of(*base.variable);
    if (kind == AddressKind::kGeneric && base.variable->space == Space::kShared) offset += kSharedWindow;
  }
  const bool narrow = kind == AddressKind::kShared32 || kind == AddressKind::kCluster32;
  return d.constant(narrow ? Type::kU32 : Type::kU64, 0);
}

namespace {

// Where the addresses of a handler come from, fixed when it is chosen.
enum class Path { kGlobal, kShared, kSharedWide, kOther };

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

Handler choose(Type type, int register_bytes, int n, bool is_load, bool strong, Path path) {
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

template <class M>
Handler parameter_word(int register_bytes) {
  if constexpr (sizeof(M) < 8) {
    if (register_bytes == 4) return &load_parameter<M, uint32_t>;
  }
  return &load_parameter<M, uint64_t>;
}

Handler choose_parameter(Type type, int register_bytes) {
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

Path path_of(AddressKind kind) {
  return kind == AddressKind::kGlobal     ? Path::kGlobal
         : kind == AddressKind::kShared32 ? Path::kShared
         : kind == AddressKind::kShared64 ? Path::kSharedWide
                                          : Path::kOther;
}

// Offset, kind and allocation of a load or store.
void complete(Decoder& d, Instr& instr, Path path, AddressKind kind, uint64_t offset) {
  instr.imm = offset;
  instr.kind = kind;
  instr.jump = d.remember_allocation();
  if (path != Path::kSharedWide) return;
  instr.imm = static_cast<uint32_t>(offset) | static_cast<uint64_t>(instr.a) << 32;
  instr.a = d.scratch(Type::kB32, 3);
  instr.kind = AddressKind::kShared32;
}

}  // namespace

void emit_access(Decoder& d, bool is_load, Type type, AddressKind kind, Slot base, uint64_t offset, Slot reg) {
  const int held = ptx::bytes_of(type) == 8 ? 8 : 4;
  const Path path = path_of(kind);
  Instr& instr = d.emit(choose(type, held, 1, is_load, false, path), reg, base);
  instr.access = static_cast<uint8_t>(1 | (held == 8 ? kWideWords : 0));
  complete(d, instr, path, kind, offset);
}

namespace {

void decode_access(Decoder& d, bool is_load) {
  if (!is_load && d.take(".async")) return decode_async_store(d);
  const bool policy = d.take(".L2::cache_hint");
  d.expect_operands(policy ? 3 : 2);
  const Operand& address = d.operand(is_load ? 1 : 0);
  const Operand& value = d.operand(is_load ? 0 : 1);
  if (address.kind != Operand::Kind::kAddress) d.fail("'" + std::string(d.opcode()) + "' needs an address in brackets");
  const bool strong = d.take_one_of({".volatile", ".relaxed", ".acquire", ".release"}) >= 0;
  if (strong) d.take_one_of({".cta", ".cluster", ".gpu", ".sys"});
  d.ignore({".weak", ".nc", ".ca", ".cg", ".cs", ".lu", ".cv", ".wb", ".wt", ".L1::evict_normal", ".L1::evict_unchanged",
            ".L1::evict_first", ".L1::evict_last", ".L1::no_allocate", ".L2::64B", ".L2::128B", ".L2::256B"});
  const AddressKind kind = take_address_kind(d, address);
  const int n = d.take(".v2") ? 2 : d.take(".v4") ? 4 : 1;
  const Type type = d.take_type();
  if (type == Type::kPred) d.fail("predicates cannot be loaded or stored");
  if (type == Type::kB128) {
    if (n != 1) d.fail("a vector of .b128");
    const Slot whole = is_load ? d.write(value, type) : d.read(value, type);
    uint64_t offset = 0;
    const Slot base = address_slot(d, address, kind, offset);
    Instr& instr = d.emit(is_load ? &move_128<true> : &move_128<false>, whole, base, whole + kSlotBytes64);
    instr.access = static_cast<uint8_t>(2 | kWideWords | (strong ? kStrong : 0));
    complete(d, instr, Path::kOther, kind, offset);
    return;
  }
  std::vector<Operand> parts = value.kind == Operand::Kind::kVector ? value.parts : std::vector<Operand>{value};
  if (parts.size() != static_cast<size_t>(n)) d.fail("the vector has not the size that the instruction says");

  Slot slots[4] = {};
  int widest = 4;
  for (int i = 0; i < n; i++) {
    int held = 0;
    slots[i] = is_load ? d.write_any_width(parts[i], type, held) : d.read_any_width(parts[i], type, held);
    widest = std::max(widest, held);
  }
  for (int i = 0; i < n; i++) {  // '_' and constants follow the registers
    int held = 0;
    if (is_load) d.write_any_width(parts[i], type, held);
    else d.read_any_width(parts[i], type, held);
    if (held == widest) continue;
    if (parts[i].kind == Operand::Kind::kSink) slots[i] = d.scratch(Type::kB64);
    else if (parts[i].kind == Operand::Kind::kInteger) slots[i] = d.constant(Type::kB64, parts[i].bits);
    else d.fail("the registers of a vector must be of one size");
  }

  uint64_t offset = 0;
  const Slot base = address_slot(d, address, kind, offset);
  if (kind == AddressKind::kParameter && address.parts[0].kind == Operand::Kind::kVariable && is_load) {
    const uint64_t size = address.parts[0].variable->size, bytes = static_cast<uint64_t>(n * ptx::bytes_of(type));
    if (address.offset < 0 || static_cast<uint64_t>(address.offset) > size ||
        bytes > size - static_cast<uint64_t>(address.offset)) {
      d.fail("'" + std::string(address.parts[0].name) + "' has only " + std::to_string(size) + " bytes");
    }
    const Handler handler = choose_parameter(type, widest);
    for (int i = 0; i < n; i++) {
      d.emit(handler, slots[i]).imm = offset + static_cast<uint64_t>(i * ptx::bytes_of(type));
    }
    return;
  }
  const Path path = strong ? Path::kOther : path_of(kind);
  const Handler handler = choose(type, widest, n, is_load, strong, path);
  if (handler == nullptr) d.fail("'" + std::string(d.opcode()) + "' of a vector wider than 16 bytes");
  Instr& instr = d.emit(handler, slots[0], base, slots[1], slots[2], slots[3]);
  instr.access = static_cast<uint8_t>(n | (widest == 8 ? kWideWords : 0) | (strong ? kStrong : 0));
  complete(d, instr, path, kind, offset);
}

void decode_ld(Decoder& d) { decode_access(d, true); }
void decode_st(Decoder& d) { decode_access(d, false); }

void decode_prefetch(Decoder& d) {
  d.ignore({".global", ".local", ".const", ".param", ".L1", ".L2", ".L2::evict_last", ".L2::evict_normal", ".tensormap"});
  d.expect_operands(1);
}

// Hints about caches; `discard` lets the contents become anything, so also stay what they are.
void decode_cache_hint(Decoder& d) {
  d.ignore({".global", ".L2", ".L2::evict_normal"});
  d.expect_operands(2);
  if (d.immediate(d.operand(1)) != 128) d.fail("'" + std::string(d.opcode()) + "' is for 128 bytes");
}

}  // namespace

const OpcodeTable kMemoryOpcodes = {
    {"ld", decode_ld}, {"ldu", decode_ld}, {"st", decode_st}, {"prefetch", decode_prefetch},
    {"prefetchu", decode_prefetch}, {"discard", decode_cache_hint}, {"applypriority", decode_cache_hint},
};

}  // namespace talweg::exec
