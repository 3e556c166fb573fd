// Integer arithmetic (PTX ISA, "Integer Arithmetic Instructions" and "Extended-Precision Integer Arithmetic").
#include <limits>

#include "alu_packed.hpp"
#include "types.hpp"

namespace talweg::exec {
namespace {

// Signed overflow wraps: all sums and products are formed unsigned. Narrow types are widened to 32 bits first, since
// C++ would promote them to int.
template <class T>
using Wrap = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <class T>
using Twice = std::conditional_t<
    std::is_signed_v<T>, std::conditional_t<sizeof(T) == 2, int32_t, std::conditional_t<sizeof(T) == 4, int64_t, __int128>>,
    std::conditional_t<sizeof(T) == 2, uint32_t, std::conditional_t<sizeof(T) == 4, uint64_t, unsigned __int128>>>;

template <class T>
struct Add {
  static T f(T a, T b) { return static_cast<T>(Wrap<T>(a) + Wrap<T>(b)); }
};
template <class T>
struct Sub {
  static T f(T a, T b) { return static_cast<T>(Wrap<T>(a) - Wrap<T>(b)); }
};
template <class T>
struct MulLo {
  static T f(T a, T b) { return static_cast<T>(Wrap<T>(a) * Wrap<T>(b)); }
};
template <class T>
struct MulHi {
  static T f(T a, T b) { return static_cast<T>((Twice<T>(a) * Twice<T>(b)) >> (8 * sizeof(T))); }
};
template <class T>
struct MadLo {
  static T f(T a, T b, T c) { return static_cast<T>(Wrap<T>(a) * Wrap<T>(b) + Wrap<T>(c)); }
};
template <class T>
struct MadHi {
  static T f(T a, T b, T c) { return Add<T>::f(MulHi<T>::f(a, b), c); }
};
template <class T>
struct Div {
  static T f(T a, T b) {
    if (b == 0) return static_cast<T>(-1);
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return Sub<T>::f(0, a);
    }
    return static_cast<T>(a / b);
  }
};
template <class T>
struct Rem {
  static T f(T a, T b) {
    if (b == 0) return a;
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return 0;
    }
    return static_cast<T>(a % b);
  }
};
template <class T>
struct Min {
  static T f(T a, T b) { return b < a ? b : a; }
};
template <class T>
struct Max {
  static T f(T a, T b) { return a < b ? b : a; }
};
template <class T>
struct Abs {
  static T f(T a) { return a < 0 ? Sub<T>::f(0, a) : a; }
};
template <class T>
struct Neg {
  static T f(T a) { return Sub<T>::f(0, a); }
};
template <class T>
struct Sad {
  static T f(T a, T b, T c) { return Add<T>::f(c, a < b ? Sub<T>::f(b, a) : Sub<T>::f(a, b)); }
};

template <class D, class S>
D mul_wide(S a, S b) { return static_cast<D>(static_cast<D>(a) * static_cast<D>(b)); }
template <class D, class S>
D mad_wide(S a, S b, D c) { return Add<D>::f(mul_wide<D, S>(a, b), c); }

int32_t clamp_to_32(int64_t value) {
  const int64_t low = std::numeric_limits<int32_t>::min(), high = std::numeric_limits<int32_t>::max();
  return static_cast<int32_t>(value < low ? low : value > high ? high : value);
}
int32_t add_sat(int32_t a, int32_t b) { return clamp_to_32(int64_t{a} + b); }
int32_t sub_sat(int32_t a, int32_t b) { return clamp_to_32(int64_t{a} - b); }
int32_t mad_hi_sat(int32_t a, int32_t b, int32_t c) { return clamp_to_32(int64_t{MulHi<int32_t>::f(a, b)} + c); }

uint64_t low24(uint32_t a) { return a & 0xffffff; }
int64_t low24(int32_t a) { return static_cast<int32_t>(static_cast<uint32_t>(a) << 8) >> 8; }
template <class T>
T mul24_lo(T a, T b) { return static_cast<T>(low24(a) * low24(b)); }
template <class T>
T mul24_hi(T a, T b) { return static_cast<T>((low24(a) * low24(b)) >> 16); }
template <class T>
T mad24_lo(T a, T b, T c) { return Add<T>::f(mul24_lo(a, b), c); }
template <class T>
T mad24_hi(T a, T b, T c) { return Add<T>::f(mul24_hi(a, b), c); }

template <class A, class B>
int32_t dp4a(uint32_t a, uint32_t b, int32_t c) {
  uint32_t sum = static_cast<uint32_t>(c);
  for (int i = 0; i < 4; i++) {
    sum += static_cast<uint32_t>(static_cast<A>(a >> (8 * i)) * static_cast<B>(b >> (8 * i)));
  }
  return static_cast<int32_t>(sum);
}
template <class A, class B, bool kHigh>
int32_t dp2a(uint32_t a, uint32_t b, int32_t c) {
  uint32_t sum = static_cast<uint32_t>(c);
  for (int i = 0; i < 2; i++) {
    using Half = std::conditional_t<std::is_signed_v<A>, int16_t, uint16_t>;
    sum += static_cast<uint32_t>(static_cast<Half>(a >> (16 * i)) * static_cast<B>(b >> (8 * i + (kHigh ? 16 : 0))));
  }
  return static_cast<int32_t>(sum);
}

// Addition and subtraction with the carry flag, a predicate of its own in slot d. For subtraction it holds the borrow.
template <class T, bool kSubtract, bool kIn, bool kOut>
const Instr* with_carry(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  const T* a = slot<T>(warp, in.a);
  const T* b = slot<T>(warp, in.b);
  T* d = slot<T>(warp, in.dst);
  const uint32_t carry_in = kIn ? predicate(warp, in.d) : 0;
  uint32_t carry_out = 0;
  for_each_lane(active, [&](int i) {
    const T x = a[i], y = b[i], c = carry_in >> i & 1;
    const T first = kSubtract ? x - y : x + y;
    const T result = kSubtract ? first - c : first + c;
    const bool out = kSubtract ? x < y || first < c : first < x || result < first;
    d[i] = result;
    carry_out |= out ? 1u << i : 0u;
  });
  if (kOut) write_predicate(warp, in.d, active, carry_out);
  return &in + 1;
}

template <bool kSubtract, bool kIn, bool kOut>
void emit_carry(Decoder& d, Slot dst, Slot a, Slot b, Type type) {
  const Handler handler = ptx::bytes_of(type) == 8 ? &with_carry<uint64_t, kSubtract, kIn, kOut>
                                                   : &with_carry<uint32_t, kSubtract, kIn, kOut>;
  d.emit(handler, dst, a, b, 0, d.carry());
}

template <bool kSubtract>
void decode_add_sub(Decoder& d) {
  const bool carry_out = d.take(".cc"), saturate = d.take(".sat");
  const Type type = d.take_type();
  if (!carry_out && !saturate && decode_packed_integers(d, type)) return;
  if (carry_out) {
    if (ptx::bytes_of(type) < 4) d.fail("carry needs 32 or 64 bits");
    emit_carry<kSubtract, false, true>(d, d.write(0, type), d.read(1, type), d.read(2, type), type);
  } else if (saturate) {
    if (type != Type::kS32) d.fail("only .s32 saturates");
    emit_binary(d, kSubtract ? &Lanewise<&sub_sat>::run : &Lanewise<&add_sat>::run, type);
  } else {
    emit_binary(d, kSubtract ? integer_handler<Sub>(d, type) : integer_handler<Add>(d, type), type);
  }
}

template <bool kSubtract>
void decode_addc_subc(Decoder& d) {
  const bool carry_out = d.take(".cc");
  const Type type = d.take_type();
  d.expect_operands(3);
  if (ptx::bytes_of(type) < 4) d.fail("carry needs 32 or 64 bits");
  const Slot dst = d.write(0, type), a = d.read(1, type), b = d.read(2, type);
  if (carry_out) emit_carry<kSubtract, true, true>(d, dst, a, b, type);
  else emit_carry<kSubtract, true, false>(d, dst, a, b, type);
}

Type wider(Decoder& d, Type type) {
  switch (type) {
    case Type::kU16: return Type::kU32;
    case Type::kS16: return Type::kS32;
    case Type::kU32: return Type::kU64;
    case Type::kS32: return Type::kS64;
    default: d.fail("no such type for .wide");
  }
}

void decode_mul(Decoder& d) {
  const int part = d.take_one_of({".lo", ".hi", ".wide"});
  const Type type = d.take_type();
  if (part == 0) emit_binary(d, integer_handler<MulLo>(d, type), type);
  else if (part == 1) emit_binary(d, integer_handler<MulHi>(d, type), type);
  else if (part == 2) {
    d.expect_operands(3);
    const Type wide = wider(d, type);
    const Handler handler = type == Type::kU16   ? &Lanewise<&mul_wide<uint32_t, uint16_t>>::run
                            : type == Type::kS16 ? &Lanewise<&mul_wide<int32_t, int16_t>>::run
                            : type == Type::kU32 ? &Lanewise<&mul_wide<uint64_t, uint32_t>>::run
                                                 : &Lanewise<&mul_wide<int64_t, int32_t>>::run;
    d.emit(handler, d.write(0, wide), d.read(1, type), d.read(2, type));
  } else {
    d.fail("'mul' needs .lo, .hi or .wide");
  }
}

void decode_mad(Decoder& d) {
  const int part = d.take_one_of({".lo", ".hi", ".wide"});
  const bool carry_out = d.take(".cc"), saturate = d.take(".sat");
  const Type type = d.take_type();
  d.expect_operands(4);
  if (part < 0) d.fail("'mad' needs .lo, .hi or .wide");
  if (carry_out) {
    if (part == 2 || ptx::bytes_of(type) < 4) d.fail("no carry from this type");
    const Slot product = d.scratch(type);
    d.emit(part == 0 ? integer_handler<MulLo>(d, type) : integer_handler<MulHi>(d, type), product, d.read(1, type),
           d.read(2, type));
    emit_carry<false, false, true>(d, d.write(0, type), product, d.read(3, type), type);
  } else if (saturate) {
    if (part != 1 || type != Type::kS32) d.fail("only .hi.s32 saturates");
    emit_ternary(d, &Lanewise<&mad_hi_sat>::run, type);
  } else if (part == 2) {
    const Type wide = wider(d, type);
    const Handler handler = type == Type::kU16   ? &Lanewise<&mad_wide<uint32_t, uint16_t>>::run
                            : type == Type::kS16 ? &Lanewise<&mad_wide<int32_t, int16_t>>::run
                            : type == Type::kU32 ? &Lanewise<&mad_wide<uint64_t, uint32_t>>::run
                                                 : &Lanewise<&mad_wide<int64_t, int32_t>>::run;
    d.emit(handler, d.write(0, wide), d.read(1, type), d.read(2, type), d.read(3, wide));
  } else {
    emit_ternary(d, part == 0 ? integer_handler<MadLo>(d, type) : integer_handler<MadHi>(d, type), type);
  }
}

void decode_madc(Decoder& d) {
  const int part = d.take_one_of({".lo", ".hi"});
  const bool carry_out = d.take(".cc");
  const Type type = d.take_type();
  d.expect_operands(4);
  if (part < 0 || ptx::bytes_of(type) < 4) d.fail("'madc' needs .lo or .hi and 32 or 64 bits");
  const Slot product = d.scratch(type);
  d.emit(part == 0 ? integer_handler<MulLo>(d, type) : integer_handler<MulHi>(d, type), product, d.read(1, type),
         d.read(2, type));
  const Slot dst = d.write(0, type), c = d.read(3, type);
  if (carry_out) emit_carry<false, true, true>(d, dst, product, c, type);
  else emit_carry<false, true, false>(d, dst, product, c, type);
}

void decode_mul24(Decoder& d) {
  const int part = d.take_one_of({".lo", ".hi"});
  const Type type = d.take_type();
  if (part < 0 || (type != Type::kU32 && type != Type::kS32)) d.fail("'mul24' is .lo or .hi, .u32 or .s32");
  const bool low = part == 0;
  emit_binary(d, type == Type::kU32 ? (low ? &Lanewise<&mul24_lo<uint32_t>>::run : &Lanewise<&mul24_hi<uint32_t>>::run)
                                    : (low ? &Lanewise<&mul24_lo<int32_t>>::run : &Lanewise<&mul24_hi<int32_t>>::run),
              type);
}

void decode_mad24(Decoder& d) {
  const int part = d.take_one_of({".lo", ".hi"});
  const Type type = d.take_type();
  if (part < 0 || (type != Type::kU32 && type != Type::kS32)) d.fail("'mad24' is .lo or .hi, .u32 or .s32");
  const bool low = part == 0;
  emit_ternary(d, type == Type::kU32 ? (low ? &Lanewise<&mad24_lo<uint32_t>>::run : &Lanewise<&mad24_hi<uint32_t>>::run)
                                     : (low ? &Lanewise<&mad24_lo<int32_t>>::run : &Lanewise<&mad24_hi<int32_t>>::run),
               type);
}

void decode_dp4a(Decoder& d) {
  const bool a_signed = d.take_type() == Type::kS32, b_signed = d.take_type() == Type::kS32;
  emit_ternary(d, a_signed ? (b_signed ? &Lanewise<&dp4a<int8_t, int8_t>>::run : &Lanewise<&dp4a<int8_t, uint8_t>>::run)
                           : (b_signed ? &Lanewise<&dp4a<uint8_t, int8_t>>::run : &Lanewise<&dp4a<uint8_t, uint8_t>>::run),
               Type::kB32);
}

template <bool kHigh>
Handler dp2a_handler(bool a_signed, bool b_signed) {
  if (a_signed) {
    return b_signed ? &Lanewise<&dp2a<int8_t, int8_t, kHigh>>::run : &Lanewise<&dp2a<int8_t, uint8_t, kHigh>>::run;
  }
  return b_signed ? &Lanewise<&dp2a<uint8_t, int8_t, kHigh>>::run : &Lanewise<&dp2a<uint8_t, uint8_t, kHigh>>::run;
}

void decode_dp2a(Decoder& d) {
  const int half = d.take_one_of({".lo", ".hi"});
  const bool a_signed = d.take_type() == Type::kS32, b_signed = d.take_type() == Type::kS32;
  if (half < 0) d.fail("'dp2a' needs .lo or .hi");
  emit_ternary(d, half == 0 ? dp2a_handler<false>(a_signed, b_signed) : dp2a_handler<true>(a_signed, b_signed),
               Type::kB32);
}

template <template <class> class Op>
void decode_binary(Decoder& d) {
  const Type type = d.take_type();
  emit_binary(d, integer_handler<Op>(d, type), type);
}

template <template <class> class Op>
void decode_min_max(Decoder& d) {
  const Type type = d.take_type();
  if (decode_packed_integers(d, type)) return;
  const bool relu = d.take(".relu");
  if (relu && type != Type::kS32) d.fail(".relu is for signed integers");
  emit_binary(d, integer_handler<Op>(d, type), type);
  if (relu) d.emit(&Lanewise<&Max<int32_t>::f>::run, d.write(0, type), d.write(0, type), d.constant(type, 0));
}

template <template <class> class Op>
void decode_unary(Decoder& d) {
  const Type type = d.take_type();
  emit_unary(d, integer_handler<Op>(d, type), type);
}

void decode_sad(Decoder& d) {
  const Type type = d.take_type();
  emit_ternary(d, integer_handler<Sad>(d, type), type);
}

}  // namespace

const OpcodeTable kIntegerOpcodes = {
    {"add", decode_add_sub<false>},   {"sub", decode_add_sub<true>},
    {"addc", decode_addc_subc<false>}, {"subc", decode_addc_subc<true>},
    {"mul", decode_mul},              {"mad", decode_mad},
    {"madc", decode_madc},            {"mul24", decode_mul24},
    {"mad24", decode_mad24},          {"dp4a", decode_dp4a},
    {"dp2a", decode_dp2a},            {"sad", decode_sad},
    {"div", decode_binary<Div>},      {"rem", decode_binary<Rem>},
    {"min", decode_min_max<Min>},     {"max", decode_min_max<Max>},
    {"abs", decode_unary<Abs>},       {"neg", decode_unary<Neg>},
};

}  // namespace talweg::exec
