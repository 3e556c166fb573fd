// Bitwise logic, shifts and bit fields (PTX ISA, "Logic and Shift Instructions").
#include <algorithm>

#include "types.hpp"

namespace talweg::exec {
namespace {

template <class T>
struct And {
  static T f(T a, T b) { return static_cast<T>(a & b); }
};
template <class T>
struct Or {
  static T f(T a, T b) { return static_cast<T>(a | b); }
};
template <class T>
struct Xor {
  static T f(T a, T b) { return static_cast<T>(a ^ b); }
};
template <class T>
struct Not {
  static T f(T a) { return static_cast<T>(~a); }
};
template <class T>
struct Cnot {
  static T f(T a) { return a == 0 ? 1 : 0; }
};
template <class T>
struct Shl {
  static T f(T a, uint32_t n) { return n >= 8 * sizeof(T) ? 0 : static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) << n); }
};
template <class T>
struct Shr {
  static T f(T a, uint32_t n) {
    constexpr uint32_t kTop = 8 * sizeof(T) - 1;
    if (n > kTop) return static_cast<T>(std::is_signed_v<T> ? a >> kTop : 0);
    return static_cast<T>(a >> n);
  }
};

uint32_t funnel_left(uint32_t low, uint32_t high, uint32_t n) {
  return static_cast<uint32_t>(((uint64_t{high} << 32 | low) << n) >> 32);
}
uint32_t funnel_right(uint32_t low, uint32_t high, uint32_t n) {
  return static_cast<uint32_t>((uint64_t{high} << 32 | low) >> n);
}
template <bool kLeft, bool kClamp>
uint32_t shf(uint32_t low, uint32_t high, uint32_t n) {
  const uint32_t amount = kClamp ? (n < 32 ? n : 32) : n & 31;
  return kLeft ? funnel_left(low, high, amount) : funnel_right(low, high, amount);
}

template <class T>
uint32_t popc(T a) { return static_cast<uint32_t>(sizeof(T) == 8 ? __builtin_popcountll(a) : __builtin_popcount(static_cast<uint32_t>(a))); }
template <class T>
uint32_t clz(T a) {
  if (a == 0) return 8 * sizeof(T);
  return static_cast<uint32_t>(sizeof(T) == 8 ? __builtin_clzll(a) : __builtin_clz(static_cast<uint32_t>(a)));
}

template <class T, bool kShift>
uint32_t bfind(T a) {
  using U = std::make_unsigned_t<T>;
  U bits = static_cast<U>(a);
  if (std::is_signed_v<T> && a < 0) bits = static_cast<U>(~bits);
  if (bits == 0) return 0xffffffffu;
  const uint32_t position = 8 * sizeof(T) - 1 - clz<U>(bits);
  return kShift ? 8 * sizeof(T) - 1 - position : position;
}

template <class T>
struct Brev {
  static T f(T a) {
    using U = std::make_unsigned_t<T>;
    U bits = static_cast<U>(a), reversed = 0;
    for (size_t i = 0; i < 8 * sizeof(T); i++) {
      reversed = static_cast<U>(reversed << 1 | (bits & 1));
      bits = static_cast<U>(bits >> 1);
    }
    return static_cast<T>(reversed);
  }
};

// Bits beyond the top of `a` are copies of its sign for signed types, zeros for unsigned ones.
template <class T>
struct Bfe {
  static T f(T a, uint32_t b, uint32_t c) {
    using U = std::make_unsigned_t<T>;
    constexpr uint32_t kBits = 8 * sizeof(T);
    const uint32_t position = b & 0xff, length = c & 0xff;
    if (length == 0) return 0;
    const uint32_t top = std::min(position + length - 1, kBits - 1);
    const bool sign = std::is_signed_v<T> && (static_cast<U>(a) >> top & 1) != 0;
    const U field = position >= kBits ? 0 : static_cast<U>(static_cast<U>(a) >> position);
    const uint32_t valid = position >= kBits ? 0 : std::min(length, kBits - position);
    const U mask = valid >= kBits ? static_cast<U>(~U{0}) : static_cast<U>((U{1} << valid) - 1);
    return static_cast<T>((field & mask) | (sign ? static_cast<U>(~mask) : U{0}));
  }
};

template <class T>
T bfi(T a, T b, uint32_t c, uint32_t d) {
  constexpr uint32_t kBits = 8 * sizeof(T);
  const uint32_t position = c & 0xff, length = d & 0xff;
  if (position >= kBits || length == 0) return b;
  const T field = length >= kBits ? static_cast<T>(~T{0}) : static_cast<T>((T{1} << length) - 1);
  const T mask = static_cast<T>(field << position);
  return static_cast<T>((b & ~mask) | ((a << position) & mask));
}

template <class T>
const Instr* bfi_lanes(Warp& warp, const Instr& in) {
  T* dst = slot<T>(warp, in.dst);
  const T *a = slot<T>(warp, in.a), *b = slot<T>(warp, in.b);
  const uint32_t *c = slot<uint32_t>(warp, in.c), *d = slot<uint32_t>(warp, in.d);
  for_each_lane(active_lanes(warp, in), [&](int i) { dst[i] = bfi<T>(a[i], b[i], c[i], d[i]); });
  return &in + 1;
}

// imm: the truth table, bit (a*4 + b*2 + c).
const Instr* lop3(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  const uint32_t *a = slot<uint32_t>(warp, in.a), *b = slot<uint32_t>(warp, in.b), *c = slot<uint32_t>(warp, in.c);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  uint32_t term[8];
  for (int k = 0; k < 8; k++) term[k] = (in.imm >> k & 1) != 0 ? kAllLanes : 0;
  for (int i = 0; i < kLanes; i++) {
    const uint32_t x = a[i], y = b[i], z = c[i];
    const uint32_t value = (~x & ~y & ~z & term[0]) | (~x & ~y & z & term[1]) | (~x & y & ~z & term[2]) |
                           (~x & y & z & term[3]) | (x & ~y & ~z & term[4]) | (x & ~y & z & term[5]) |
                           (x & y & ~z & term[6]) | (x & y & z & term[7]);
    d[i] = (active >> i & 1) != 0 ? value : d[i];
  }
  return &in + 1;
}

enum PrmtMode { kGeneric, kF4e, kB4e, kRc8, kEcl, kEcr, kRc16 };

template <int kMode>
uint32_t prmt(uint32_t a, uint32_t b, uint32_t c) {
  const uint64_t bytes = uint64_t{b} << 32 | a;
  const auto byte = [bytes](uint32_t index) { return static_cast<uint32_t>(bytes >> (8 * (index & 7)) & 0xff); };
  const uint32_t s = c & 3;
  uint32_t result = 0;
  for (uint32_t i = 0; i < 4; i++) {
    uint32_t value = 0;
    switch (kMode) {
      case kGeneric: {
        const uint32_t select = c >> (4 * i) & 0xf;
        value = byte(select & 7);
        if ((select & 8) != 0) value = (value & 0x80) != 0 ? 0xff : 0;
        break;
      }
      case kF4e: value = byte(s + i); break;
      case kB4e: value = byte(s - i); break;
      case kRc8: value = byte(s); break;
      case kEcl: value = byte(i < s ? s : i); break;
      case kEcr: value = byte(i < s ? i : s); break;
      case kRc16: value = byte((s & 1) * 2 + (i & 1)); break;
    }
    result |= value << (8 * i);
  }
  return result;
}

// Logic on predicates: 32 lanes in one word. `!` on a source flips it through imm.
template <uint32_t (*F)(uint32_t, uint32_t)>
const Instr* on_predicates(Warp& warp, const Instr& in) {
  const uint32_t a = predicate(warp, in.a) ^ static_cast<uint32_t>(in.imm);
  const uint32_t b = predicate(warp, in.b) ^ static_cast<uint32_t>(in.imm >> 32);
  write_predicate(warp, in.dst, active_lanes(warp, in), F(a, b));
  return &in + 1;
}

uint32_t and_bits(uint32_t a, uint32_t b) { return a & b; }
uint32_t or_bits(uint32_t a, uint32_t b) { return a | b; }
uint32_t xor_bits(uint32_t a, uint32_t b) { return a ^ b; }
uint32_t not_bits(uint32_t a, uint32_t) { return ~a; }

void emit_on_predicates(Decoder& d, Handler handler) {
  const Operand& b = d.operand(d.operand_count() - 1);
  const uint64_t flips = (d.operand(1).negated ? 0xffffffffull : 0) | (b.negated ? 0xffffffffull << 32 : 0);
  d.emit(handler, d.write(0, Type::kPred), d.read_predicate(d.operand(1)), d.read_predicate(b)).imm = flips;
}

template <template <class> class Op, uint32_t (*F)(uint32_t, uint32_t)>
void decode_binary(Decoder& d) {
  const Type type = d.take_any_type();
  d.expect_operands(3);
  if (type == Type::kPred) emit_on_predicates(d, &on_predicates<F>);
  else emit_binary(d, integer_handler<Op>(d, type), type);
}

void decode_not(Decoder& d) {
  const Type type = d.take_any_type();
  d.expect_operands(2);
  if (type == Type::kPred) emit_on_predicates(d, &on_predicates<not_bits>);
  else emit_unary(d, integer_handler<Not>(d, type), type);
}

void decode_cnot(Decoder& d) {
  const Type type = d.take_type();
  emit_unary(d, integer_handler<Cnot>(d, type), type);
}

template <template <class> class Op>
void decode_shift(Decoder& d) {
  const Type type = d.take_type();
  d.expect_operands(3);
  d.emit(integer_handler<Op>(d, type), d.write(0, type), d.read(1, type), d.read(2, Type::kU32));
}

void decode_shf(Decoder& d) {
  const int direction = d.take_one_of({".l", ".r"}), mode = d.take_one_of({".clamp", ".wrap"});
  const Type type = d.take_type();
  if (direction < 0 || mode < 0 || type != Type::kB32) d.fail("'shf' is .l or .r, .clamp or .wrap, .b32");
  emit_ternary(d, direction == 0 ? (mode == 0 ? &Lanewise<&shf<true, true>>::run : &Lanewise<&shf<true, false>>::run)
                                 : (mode == 0 ? &Lanewise<&shf<false, true>>::run : &Lanewise<&shf<false, false>>::run),
               type);
}

void decode_lop3(Decoder& d) {
  const Type type = d.take_type();
  d.expect_operands(5);
  if (type != Type::kB32) d.fail("'lop3' is .b32");
  d.emit(&lop3, d.write(0, type), d.read(1, type), d.read(2, type), d.read(3, type)).imm = d.immediate(d.operand(4));
}

void decode_prmt(Decoder& d) {
  const Type type = d.take_type();
  if (type != Type::kB32) d.fail("'prmt' is .b32");
  switch (d.take_one_of({".f4e", ".b4e", ".rc8", ".ecl", ".ecr", ".rc16"})) {
    case 0: return emit_ternary(d, &Lanewise<&prmt<kF4e>>::run, type);
    case 1: return emit_ternary(d, &Lanewise<&prmt<kB4e>>::run, type);
    case 2: return emit_ternary(d, &Lanewise<&prmt<kRc8>>::run, type);
    case 3: return emit_ternary(d, &Lanewise<&prmt<kEcl>>::run, type);
    case 4: return emit_ternary(d, &Lanewise<&prmt<kEcr>>::run, type);
    case 5: return emit_ternary(d, &Lanewise<&prmt<kRc16>>::run, type);
    default: return emit_ternary(d, &Lanewise<&prmt<kGeneric>>::run, type);
  }
}

void decode_popc(Decoder& d) {
  const Type type = d.take_type();
  if (type != Type::kB32 && type != Type::kB64) d.fail("'popc' is .b32 or .b64");
  d.expect_operands(2);
  d.emit(ptx::bytes_of(type) == 8 ? &Lanewise<&popc<uint64_t>>::run : &Lanewise<&popc<uint32_t>>::run,
         d.write(0, Type::kU32), d.read(1, type));
}

void decode_clz(Decoder& d) {
  const Type type = d.take_type();
  if (type != Type::kB32 && type != Type::kB64) d.fail("'clz' is .b32 or .b64");
  d.expect_operands(2);
  d.emit(ptx::bytes_of(type) == 8 ? &Lanewise<&clz<uint64_t>>::run : &Lanewise<&clz<uint32_t>>::run,
         d.write(0, Type::kU32), d.read(1, type));
}

template <bool kShift>
Handler bfind_handler(Decoder& d, Type type) {
  switch (type) {
    case Type::kU32: return &Lanewise<&bfind<uint32_t, kShift>>::run;
    case Type::kS32: return &Lanewise<&bfind<int32_t, kShift>>::run;
    case Type::kU64: return &Lanewise<&bfind<uint64_t, kShift>>::run;
    case Type::kS64: return &Lanewise<&bfind<int64_t, kShift>>::run;
    default: d.fail("'bfind' knows no such type");
  }
}

void decode_bfind(Decoder& d) {
  const bool shift = d.take(".shiftamt");
  const Type type = d.take_type();
  d.expect_operands(2);
  d.emit(shift ? bfind_handler<true>(d, type) : bfind_handler<false>(d, type), d.write(0, Type::kU32), d.read(1, type));
}

void decode_brev(Decoder& d) {
  const Type type = d.take_type();
  emit_unary(d, wide_integer_handler<Brev>(d, type), type);
}

void decode_bfe(Decoder& d) {
  const Type type = d.take_type();
  d.expect_operands(4);
  d.emit(wide_integer_handler<Bfe>(d, type), d.write(0, type), d.read(1, type), d.read(2, Type::kU32),
         d.read(3, Type::kU32));
}

void decode_bfi(Decoder& d) {
  const Type type = d.take_type();
  if (type != Type::kB32 && type != Type::kB64) d.fail("'bfi' is .b32 or .b64");
  d.expect_operands(5);
  d.emit(ptx::bytes_of(type) == 8 ? &bfi_lanes<uint64_t> : &bfi_lanes<uint32_t>, d.write(0, type), d.read(1, type),
         d.read(2, type), d.read(3, Type::kU32), d.read(4, Type::kU32));
}

// fns.b32 d, mask, base, offset: the offset-th set bit of the mask, counted from bit `base`; all ones if there is none.
uint32_t find_nth_set(uint32_t mask, uint32_t base, int32_t offset) {
  if (offset == 0) return base < 32 && (mask >> base & 1) != 0 ? base : kAllLanes;
  const int step = offset > 0 ? 1 : -1;
  int left = std::abs(offset);
  for (int i = static_cast<int>(base & 31); i >= 0 && i < 32; i += step) {
    if ((mask >> i & 1) != 0 && --left == 0) return static_cast<uint32_t>(i);
  }
  return kAllLanes;
}

const Instr* fns(Warp& warp, const Instr& in) {
  const uint32_t *a = slot<uint32_t>(warp, in.a), *b = slot<uint32_t>(warp, in.b);
  const int32_t* c = slot<int32_t>(warp, in.c);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) { d[i] = find_nth_set(a[i], b[i], c[i]); });
  return &in + 1;
}

void decode_fns(Decoder& d) {
  if (d.take_type() != Type::kB32) d.fail("'fns' is .b32");
  emit_ternary(d, &fns, Type::kB32);
}

}  // namespace

const OpcodeTable kLogicOpcodes = {
    {"and", decode_binary<And, and_bits>}, {"or", decode_binary<Or, or_bits>}, {"xor", decode_binary<Xor, xor_bits>},
    {"not", decode_not},   {"cnot", decode_cnot}, {"shl", decode_shift<Shl>}, {"shr", decode_shift<Shr>},
    {"shf", decode_shf},   {"lop3", decode_lop3}, {"prmt", decode_prmt},      {"popc", decode_popc},
    {"clz", decode_clz},   {"bfind", decode_bfind}, {"brev", decode_brev},    {"bfe", decode_bfe},
    {"bfi", decode_bfi}, {"fns", decode_fns},
};

}  // namespace talweg::exec
