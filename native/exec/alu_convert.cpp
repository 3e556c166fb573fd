// cvt (PTX ISA, "cvt"). Float to integer saturates; NaN becomes 0, or the top bit for 64 bits.
#include <algorithm>

#include "alu_half.hpp"
#include "small_float.hpp"
#include "types.hpp"

namespace talweg::exec {
namespace {

enum class Integral : uint8_t { kNearest, kZero, kDown, kUp };  // .rni .rzi .rmi .rpi

template <class F, Integral kMode>
F to_integral(F x) {
  if constexpr (sizeof(F) == 4) {
    return kMode == Integral::kNearest ? __builtin_rintf(x)
           : kMode == Integral::kZero  ? __builtin_truncf(x)
           : kMode == Integral::kDown  ? __builtin_floorf(x)
                                       : __builtin_ceilf(x);
  } else {
    return kMode == Integral::kNearest ? __builtin_rint(x)
           : kMode == Integral::kZero  ? __builtin_trunc(x)
           : kMode == Integral::kDown  ? __builtin_floor(x)
                                       : __builtin_ceil(x);
  }
}

template <class I, class F>
I clamp_to(F x) {
  constexpr F kLow = static_cast<F>(std::numeric_limits<I>::min());
  constexpr F kBeyond = static_cast<F>(I{1} << (8 * sizeof(I) - 2)) * (std::is_signed_v<I> ? 2 : 4);
  const bool inside = x >= kLow && x < kBeyond;
  const I value = static_cast<I>(inside ? x : F{0});
  const I nan = sizeof(I) == 8 ? static_cast<I>(uint64_t{1} << 63) : I{0};
  const I outside = x < kLow ? std::numeric_limits<I>::min() : x >= kBeyond ? std::numeric_limits<I>::max() : nan;
  return inside ? value : outside;
}

template <class I, class F, Integral kMode, bool kFtz>
I float_to_integer(F x) { return clamp_to<I, F>(to_integral<F, kMode>(flush<kFtz>(x))); }

template <class F, class I>
F integer_to_float(I x) { return static_cast<F>(x); }

template <class F, Integral kMode, bool kFtz>
F round_integral(F x) { return canonical(to_integral<F, kMode>(flush<kFtz>(x))); }

template <bool kFtz>
double widen(float x) { return static_cast<double>(flush<kFtz>(x)); }
template <bool kFtz>
float narrow(double x) { return canonical(flush<kFtz>(static_cast<float>(x))); }
template <class F, bool kFtz>
F same(F x) { return canonical(flush<kFtz>(x)); }
template <class F>
float from_narrow(uint16_t x) { return canonical(F::widen(x)); }
template <class F>
double from_narrow_to_double(uint16_t x) { return static_cast<double>(F::widen(x)); }
template <class F>
uint16_t to_narrow(float x) { return F::narrow(x); }

// Conversions between any two float types, with every modifier; the common ones have handlers of their own.
enum Modifier : uint8_t { kFlush = 1, kSaturate = 2, kRelu = 4, kSaturateFinite = 8 };
struct FloatForm {  // in Instr::imm
  Type from, to;
  Rounding rounding;
  uint8_t modifiers;
  int8_t integral;  // -1: none
};

double read_float(Type type, uint64_t bits) {
  switch (type) {
    case Type::kF16: return static_cast<double>(Half::widen(static_cast<uint16_t>(bits)));
    case Type::kBf16: return static_cast<double>(Bfloat::widen(static_cast<uint16_t>(bits)));
    case Type::kE4m3: return decode_float(bits & 0xff, kE4m3);
    case Type::kE5m2: return decode_float(bits & 0xff, kE5m2);
    case Type::kF32: return static_cast<double>(bit_cast<float>(static_cast<uint32_t>(bits)));
    default: return bit_cast<double>(bits);
  }
}

uint64_t write_float(double value, const FloatForm& form) {
  const bool saturate = (form.modifiers & kSaturateFinite) != 0;
  switch (form.to) {
    case Type::kF16: return encode_float(value, kHalf, form.rounding, saturate);
    case Type::kBf16: return encode_float(value, kBfloat, form.rounding, saturate);
    case Type::kE4m3: return encode_float(value, kE4m3, form.rounding, saturate);
    case Type::kE5m2: return encode_float(value, kE5m2, form.rounding, saturate);
    case Type::kTf32: {
      const uint32_t bits = encode_float(value, kTensorFloat, form.rounding, saturate);
      return bits == kTensorFloat.nan ? kNan32 : bits << 13;
    }
    case Type::kF32: return encode_float(value, kSingle, form.rounding, saturate);
    default: return bit_cast<uint64_t>(value);
  }
}

uint64_t convert_float(uint64_t bits, const FloatForm& form) {
  double value = read_float(form.from, bits);
  if ((form.modifiers & kFlush) != 0 && std::fabs(value) < 0x1p-126) value = std::copysign(0.0, value);
  switch (form.integral) {
    case 0: value = __builtin_rint(value); break;
    case 1: value = __builtin_trunc(value); break;
    case 2: value = __builtin_floor(value); break;
    case 3: value = __builtin_ceil(value); break;
    default: break;
  }
  if ((form.modifiers & kSaturate) != 0) value = saturated(value);
  if ((form.modifiers & kRelu) != 0 && !(value > 0) && value == value) value = 0;
  return write_float(value, form);
}

FloatForm float_form(const Instr& in) {
  FloatForm form;
  std::memcpy(&form, &in.imm, sizeof form);
  return form;
}

const Instr* convert_floats(Warp& warp, const Instr& in) {
  const FloatForm form = float_form(in);
  const bool from_wide = form.from == Type::kF64, to_wide = form.to == Type::kF64;
  const uint32_t* a32 = slot<uint32_t>(warp, in.a);
  const uint64_t* a64 = slot<uint64_t>(warp, in.a);
  uint32_t* d32 = slot<uint32_t>(warp, in.dst);
  uint64_t* d64 = slot<uint64_t>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    const uint64_t result = convert_float(from_wide ? a64[i] : a32[i], form);
    if (to_wide) d64[i] = result;
    else d32[i] = static_cast<uint32_t>(result);
  });
  return &in + 1;
}

// Two single-precision values to a pair: a goes to the upper half. imm as above, for one element.
template <int kBits>
const Instr* convert_two(Warp& warp, const Instr& in) {
  const FloatForm form = float_form(in);
  const uint32_t *a = slot<uint32_t>(warp, in.a), *b = slot<uint32_t>(warp, in.b);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    d[i] = static_cast<uint32_t>(convert_float(b[i], form) | convert_float(a[i], form) << kBits);
  });
  return &in + 1;
}

// A pair of one format to a pair of another.
template <int kFromBits, int kToBits>
const Instr* convert_pair(Warp& warp, const Instr& in) {
  const FloatForm form = float_form(in);
  const uint32_t* a = slot<uint32_t>(warp, in.a);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    d[i] = static_cast<uint32_t>(convert_float(a[i], form) | convert_float(a[i] >> kFromBits, form) << kToBits);
  });
  return &in + 1;
}

template <class F>
uint32_t two_to_pair(float a, float b) { return uint32_t{F::narrow(a)} << 16 | F::narrow(b); }

// A 64-bit integer as a double whose last place is odd if it is inexact, so that it can be rounded again.
template <class I>
double integer_to_odd(I x) {
  const bool negative = x < 0;
  uint64_t magnitude = negative ? 0 - static_cast<uint64_t>(x) : static_cast<uint64_t>(x);
  if (magnitude >> 53 != 0) magnitude = (magnitude & ~uint64_t{0x7ff}) | ((magnitude & 0x7ff) != 0 ? 0x800 : 0);
  const double value = static_cast<double>(magnitude);
  return negative ? -value : value;
}

// Integers of any width in registers of any width. imm: sign and bytes of source and destination, and saturation.
struct IntegerForm {
  uint8_t from_bytes, to_bytes, from_register, to_register;
  bool from_signed, to_signed, saturate;
};

int64_t extend(uint64_t bits, int bytes, bool is_signed) {
  const int shift = 64 - 8 * bytes;
  return is_signed ? static_cast<int64_t>(bits << shift) >> shift : static_cast<int64_t>(bits << shift >> shift);
}

uint64_t convert_integer(uint64_t bits, const IntegerForm& form) {
  const int64_t value = extend(bits, form.from_bytes, form.from_signed);
  if (!form.saturate) return static_cast<uint64_t>(extend(static_cast<uint64_t>(value), form.to_bytes, form.to_signed));
  const bool negative = form.from_signed && value < 0;
  const int width = 8 * form.to_bytes - (form.to_signed ? 1 : 0);
  const uint64_t high = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
  if (negative) {
    const int64_t low = form.to_signed ? static_cast<int64_t>(~high) : 0;
    return static_cast<uint64_t>(std::max(value, low));
  }
  return std::min(static_cast<uint64_t>(value), high);
}

const Instr* convert_integers(Warp& warp, const Instr& in) {
  const IntegerForm form = [&] {
    IntegerForm unpacked;
    std::memcpy(&unpacked, &in.imm, sizeof unpacked);
    return unpacked;
  }();
  const uint32_t *a32 = slot<uint32_t>(warp, in.a);
  const uint64_t *a64 = slot<uint64_t>(warp, in.a);
  uint32_t* d32 = slot<uint32_t>(warp, in.dst);
  uint64_t* d64 = slot<uint64_t>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    const uint64_t result = convert_integer(form.from_register == 8 ? a64[i] : a32[i], form);
    if (form.to_register == 8) d64[i] = result;
    else d32[i] = static_cast<uint32_t>(result);
  });
  return &in + 1;
}

template <class D, class S>
D cast(S x) { return static_cast<D>(x); }

void emit_integers(Decoder& d, Slot dst, Type to, int to_register, Slot src, Type from, int from_register, bool sat) {
  const bool from_signed = ptx::is_signed(from), to_signed = ptx::is_signed(to);
  const int from_bytes = ptx::bytes_of(from), to_bytes = ptx::bytes_of(to);
  if (!sat && from_bytes == 4 && from_register == 4 && to_bytes == 8) {
    d.emit(from_signed ? &Lanewise<&cast<int64_t, int32_t>>::run : &Lanewise<&cast<uint64_t, uint32_t>>::run, dst, src);
    return;
  }
  if (!sat && from_bytes == 8 && to_bytes == 4 && to_register == 4) {
    d.emit(&Lanewise<&cast<uint32_t, uint64_t>>::run, dst, src);
    return;
  }
  const IntegerForm form{static_cast<uint8_t>(from_bytes), static_cast<uint8_t>(to_bytes),
                         static_cast<uint8_t>(from_register), static_cast<uint8_t>(to_register),
                         from_signed, to_signed, sat};
  std::memcpy(&d.emit(&convert_integers, dst, src).imm, &form, sizeof form);
}

Type word_type(Type type) {
  if (ptx::bytes_of(type) == 8) return ptx::is_signed(type) ? Type::kS64 : Type::kU64;
  return ptx::is_signed(type) ? Type::kS32 : Type::kU32;
}

// An integer source as a full word: narrow ones, and those in a register that is too wide, are extended first.
Slot integer_source(Decoder& d, Type& type) {
  int held = 0;
  const Slot src = d.read_any_width(d.operand(1), type, held);
  const Type word = word_type(type);
  if (held == ptx::bytes_of(word) && ptx::bytes_of(type) >= 4) return src;
  const Slot scratch = d.scratch(word);
  emit_integers(d, scratch, word, ptx::bytes_of(word), src, type, held, false);
  type = word;
  return scratch;
}

template <class I, class F, bool kFtz>
Handler float_to_integer_handler(Integral mode) {
  switch (mode) {
    case Integral::kNearest: return &Lanewise<&float_to_integer<I, F, Integral::kNearest, kFtz>>::run;
    case Integral::kZero: return &Lanewise<&float_to_integer<I, F, Integral::kZero, kFtz>>::run;
    case Integral::kDown: return &Lanewise<&float_to_integer<I, F, Integral::kDown, kFtz>>::run;
    default: return &Lanewise<&float_to_integer<I, F, Integral::kUp, kFtz>>::run;
  }
}

template <class F, bool kFtz>
Handler float_to_integer_handler(Type to, Integral mode) {
  switch (to) {
    case Type::kS32: return float_to_integer_handler<int32_t, F, kFtz>(mode);
    case Type::kU32: return float_to_integer_handler<uint32_t, F, kFtz>(mode);
    case Type::kS64: return float_to_integer_handler<int64_t, F, kFtz>(mode);
    default: return float_to_integer_handler<uint64_t, F, kFtz>(mode);
  }
}

template <class F, bool kFtz>
Handler round_integral_handler(Integral mode) {
  switch (mode) {
    case Integral::kNearest: return &Lanewise<&round_integral<F, Integral::kNearest, kFtz>>::run;
    case Integral::kZero: return &Lanewise<&round_integral<F, Integral::kZero, kFtz>>::run;
    case Integral::kDown: return &Lanewise<&round_integral<F, Integral::kDown, kFtz>>::run;
    default: return &Lanewise<&round_integral<F, Integral::kUp, kFtz>>::run;
  }
}

struct Modes {
  int integral, rounding;  // -1: none
  bool ftz, sat, relu, satfinite;

  FloatForm form(Type from, Type to) const {
    const int modifiers = (ftz ? kFlush : 0) | (sat ? kSaturate : 0) | (relu ? kRelu : 0) | (satfinite ? kSaturateFinite : 0);
    return {from, to, static_cast<Rounding>(std::max(rounding, 0)), static_cast<uint8_t>(modifiers),
            static_cast<int8_t>(integral)};
  }
};

Instr& set_form(Instr& instr, const FloatForm& form) {
  static_assert(sizeof form <= sizeof instr.imm);
  std::memcpy(&instr.imm, &form, sizeof form);
  return instr;
}

Handler directed_or_not(Handler nearest, Handler directed, const Modes& modes) {
  return modes.rounding > 0 ? directed : nearest;
}

template <class F, class I>
Handler integer_to_float_handler(const Modes& modes) {
  return directed_or_not(&Lanewise<&integer_to_float<F, I>>::run, &rounded<&Lanewise<&integer_to_float<F, I>>::run>,
                         modes);
}

template <class F>
Handler integer_to_float_handler(Type from, const Modes& modes) {
  switch (from) {
    case Type::kS32: return integer_to_float_handler<F, int32_t>(modes);
    case Type::kU32: return integer_to_float_handler<F, uint32_t>(modes);
    case Type::kS64: return integer_to_float_handler<F, int64_t>(modes);
    default: return integer_to_float_handler<F, uint64_t>(modes);
  }
}

void emit_float_to_integer(Decoder& d, Type to, Type from, const Modes& modes) {
  if (modes.integral < 0) d.fail("'cvt' from float to integer needs .rni, .rzi, .rmi or .rpi");
  Slot src = d.read(1, ptx::bytes_of(from) == 2 ? Type::kB16 : from);
  if (ptx::bytes_of(from) == 2) {
    d.emit(from == Type::kF16 ? &Lanewise<&from_narrow<Half>>::run : &Lanewise<&from_narrow<Bfloat>>::run,
           d.scratch(Type::kF32), src);
    src = d.scratch(Type::kF32);
    from = Type::kF32;
  }
  // Narrow integers saturate at their own bounds: to 32 bits first, then down with saturation.
  const Type word = word_type(to);
  int held = 0;
  const Slot dst = d.write_any_width(d.operand(0), to, held);
  const bool direct = ptx::bytes_of(to) >= 4 && held == ptx::bytes_of(to);
  const Slot first = direct ? dst : d.scratch(word);
  const Integral mode = static_cast<Integral>(modes.integral);
  const Handler handler = from == Type::kF64 ? float_to_integer_handler<double, false>(word, mode)
                          : modes.ftz        ? float_to_integer_handler<float, true>(word, mode)
                                             : float_to_integer_handler<float, false>(word, mode);
  d.emit(handler, first, src);
  if (!direct) emit_integers(d, dst, to, held, first, word, ptx::bytes_of(word), true);
}

void emit_integer_to_float(Decoder& d, Type to, Type from, const Modes& modes) {
  if (modes.rounding < 0) d.fail("'cvt' from integer to float needs .rn, .rz, .rm or .rp");
  const Slot src = integer_source(d, from);
  if (ptx::bytes_of(to) == 2) {
    Modes exact = modes;
    exact.rounding = 0;
    const Handler handler = from == Type::kS64   ? &Lanewise<&integer_to_odd<int64_t>>::run
                            : from == Type::kU64 ? &Lanewise<&integer_to_odd<uint64_t>>::run
                                                 : integer_to_float_handler<double>(from, exact);
    d.emit(handler, d.scratch(Type::kF64), src);
    set_form(d.emit(&convert_floats, d.write(0, Type::kB16), d.scratch(Type::kF64)), modes.form(Type::kF64, to));
    return;
  }
  const Slot dst = d.write(0, to);
  const Handler handler =
      to == Type::kF64 ? integer_to_float_handler<double>(from, modes) : integer_to_float_handler<float>(from, modes);
  d.emit(handler, dst, src).flags = static_cast<uint8_t>(modes.rounding);
  if (modes.sat && to == Type::kF64) d.emit(&Lanewise<&saturated<double>>::run, dst, dst);
  if (modes.sat && to == Type::kF32) d.emit(&Lanewise<&saturated<float>>::run, dst, dst);
}

Handler float_to_float_handler(Decoder& d, Type to, Type from, const Modes& modes) {
  if (to == from && modes.integral >= 0) {
    const Integral mode = static_cast<Integral>(modes.integral);
    if (to == Type::kF64) return round_integral_handler<double, false>(mode);
    return modes.ftz ? round_integral_handler<float, true>(mode) : round_integral_handler<float, false>(mode);
  }
  if (modes.integral >= 0) d.fail("integer rounding needs the same type on both sides");
  if (to == from) {
    if (to == Type::kF64) return &Lanewise<&same<double, false>>::run;
    return modes.ftz ? &Lanewise<&same<float, true>>::run : &Lanewise<&same<float, false>>::run;
  }
  if (to == Type::kF64) return modes.ftz ? &Lanewise<&widen<true>>::run : &Lanewise<&widen<false>>::run;
  if (modes.rounding < 0) d.fail("'cvt' to a narrower float needs .rn, .rz, .rm or .rp");
  return modes.ftz ? directed_or_not(&Lanewise<&narrow<true>>::run, &rounded<&Lanewise<&narrow<true>>::run>, modes)
                   : directed_or_not(&Lanewise<&narrow<false>>::run, &rounded<&Lanewise<&narrow<false>>::run>, modes);
}

Type element_of(Type pair) {
  switch (pair) {
    case Type::kF16x2: return Type::kF16;
    case Type::kBf16x2: return Type::kBf16;
    case Type::kE4m3x2: return Type::kE4m3;
    case Type::kE5m2x2: return Type::kE5m2;
    default: return Type::kNone;
  }
}
bool is_eight_bit_pair(Type type) { return type == Type::kE4m3x2 || type == Type::kE5m2x2; }
Type bits_of(Type type) { return ptx::bytes_of(type) == 2 ? Type::kB16 : ptx::bytes_of(type) == 8 ? Type::kB64 : Type::kB32; }

void emit_to_pair(Decoder& d, Type to, Type from, const Modes& modes) {
  const Type element = element_of(to);
  const bool eight = is_eight_bit_pair(to);
  if (modes.integral >= 0 || modes.sat || modes.ftz) d.fail("'cvt' to a pair knows .rn, .rz, .relu and .satfinite");
  if (is_eight_bit_pair(from)) {  // exact
    if (to != Type::kF16x2) d.fail("eight-bit floats become .f16x2");
    d.expect_operands(2);
    set_form(d.emit(&convert_pair<8, 16>, d.write(0, Type::kB32), d.read(1, Type::kB16)), modes.form(element_of(from), element));
    return;
  }
  if (modes.rounding != 0 && (eight || modes.rounding != 1)) d.fail("'cvt' to a pair needs .rn, or .rz where it may");
  if (eight && !modes.satfinite) d.fail("'cvt' to eight-bit floats needs .satfinite");
  if (eight && from == Type::kF16x2) {
    d.expect_operands(2);
    set_form(d.emit(&convert_pair<16, 8>, d.write(0, Type::kB16), d.read(1, Type::kB32)), modes.form(Type::kF16, element));
    return;
  }
  if (from != Type::kF32) d.fail("'cvt' to a pair takes two .f32");
  d.expect_operands(3);
  const Slot dst = d.write(0, bits_of(to)), a = d.read(1, from), b = d.read(2, from);
  if (!eight && modes.rounding == 0 && !modes.relu && !modes.satfinite) {
    d.emit(to == Type::kF16x2 ? &Lanewise<&two_to_pair<Half>>::run : &Lanewise<&two_to_pair<Bfloat>>::run, dst, a, b);
    return;
  }
  set_form(d.emit(eight ? &convert_two<8> : &convert_two<16>, dst, a, b), modes.form(from, element));
}

bool is_narrow(Type type) { return type == Type::kF16 || type == Type::kBf16; }

void emit_float_to_float(Decoder& d, Type to, Type from, const Modes& modes) {
  if (element_of(to) != Type::kNone) return emit_to_pair(d, to, from, modes);
  if (from == Type::kTf32 || element_of(from) != Type::kNone) d.fail("'cvt' cannot read this type");
  d.expect_operands(2);
  const bool narrows = ptx::bytes_of(to) < ptx::bytes_of(from) || to == Type::kTf32 || (is_narrow(to) && is_narrow(from) && to != from);
  if (narrows && modes.rounding < 0) d.fail("'cvt' to a narrower float needs .rn, .rz, .rm or .rp");
  if (modes.integral >= 0 && to != from) d.fail("integer rounding needs the same type on both sides");
  const Slot src = d.read(1, bits_of(from)), dst = d.write(0, bits_of(to));
  const bool plain = modes.rounding <= 0 && !modes.relu && !modes.satfinite && !modes.sat && !modes.ftz;
  if (plain && to == Type::kF32 && is_narrow(from)) {
    d.emit(from == Type::kF16 ? &Lanewise<&from_narrow<Half>>::run : &Lanewise<&from_narrow<Bfloat>>::run, dst, src);
  } else if (plain && to == Type::kF64 && is_narrow(from)) {
    d.emit(from == Type::kF16 ? &Lanewise<&from_narrow_to_double<Half>>::run : &Lanewise<&from_narrow_to_double<Bfloat>>::run,
           dst, src);
  } else if (plain && is_narrow(to) && from == Type::kF32) {
    d.emit(to == Type::kF16 ? &Lanewise<&to_narrow<Half>>::run : &Lanewise<&to_narrow<Bfloat>>::run, dst, src);
  } else if (is_narrow(to) || is_narrow(from) || to == Type::kTf32 || modes.relu || modes.satfinite) {
    set_form(d.emit(&convert_floats, dst, src), modes.form(from, to));
  } else {
    d.emit(float_to_float_handler(d, to, from, modes), dst, src).flags = static_cast<uint8_t>(std::max(modes.rounding, 0));
    if (modes.sat) {
      d.emit(to == Type::kF64 ? &Lanewise<&saturated<double>>::run : &Lanewise<&saturated<float>>::run, dst, dst);
    }
  }
}

int bits_of_pack(Decoder& d, Type type) {
  switch (type) {
    case Type::kU16: case Type::kS16: return 16;
    case Type::kU8: case Type::kS8: return 8;
    case Type::kU4: case Type::kS4: return 4;
    default: d.fail("'cvt.pack' knows no such type");
  }
}

// imm: bits of an element, and whether it is signed.
const Instr* pack_saturated(Warp& warp, const Instr& in) {
  const int bits = static_cast<int>(in.imm & 0xff);
  const bool is_signed = (in.imm >> 8) != 0;
  const int32_t low = is_signed ? -(1 << (bits - 1)) : 0, high = is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
  const uint32_t mask = (1u << bits) - 1;
  const int32_t *a = slot<int32_t>(warp, in.a), *b = slot<int32_t>(warp, in.b);
  const uint32_t* c = slot<uint32_t>(warp, in.c);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    const uint32_t upper = static_cast<uint32_t>(std::clamp(a[i], low, high)) & mask;
    const uint32_t lower = static_cast<uint32_t>(std::clamp(b[i], low, high)) & mask;
    const uint32_t older = bits == 16 ? 0 : c[i] << (2 * bits);
    d[i] = older | upper << bits | lower;
  });
  return &in + 1;
}

// cvt.pack.sat.type.s32[.b32] d, a, b[, c]: c moves up to make room for a and b.
void decode_pack(Decoder& d) {
  if (!d.take(".sat")) d.fail("'cvt.pack' needs .sat");
  const Type to = d.take_any_type();
  const int bits = bits_of_pack(d, to);
  if (d.take_type() != Type::kS32) d.fail("'cvt.pack' packs .s32");
  const bool adds = d.take(".b32");
  if (adds != (bits != 16)) d.fail("'cvt.pack' to 4 and 8 bits needs .b32, to 16 bits has none");
  d.expect_operands(adds ? 4 : 3);
  const Slot c = adds ? d.read(3, Type::kB32) : d.constant(Type::kB32, 0);
  d.emit(&pack_saturated, d.write(0, Type::kB32), d.read(1, Type::kB32), d.read(2, Type::kB32), c).imm =
      static_cast<uint64_t>(bits) | (to == Type::kS16 || to == Type::kS8 || to == Type::kS4 ? 0x100 : 0);
}

void decode_cvt(Decoder& d) {
  if (d.take(".pack")) return decode_pack(d);
  Modes modes{};
  modes.integral = d.take_one_of({".rni", ".rzi", ".rmi", ".rpi"});
  modes.rounding = d.take_one_of({".rn", ".rz", ".rm", ".rp", ".rna"});
  modes.ftz = d.take(".ftz");
  modes.sat = d.take(".sat");
  modes.relu = d.take(".relu");
  modes.satfinite = d.take(".satfinite");
  const Type to = d.take_type(), from = d.take_type();
  for (const Type type : {to, from}) {
    if (type == Type::kE4m3 || type == Type::kE5m2 || type == Type::kU16x2 || type == Type::kS16x2) {
      d.fail("'cvt' knows no such type");
    }
  }
  if (modes.rounding == static_cast<int>(Rounding::kAway) && to != Type::kTf32) d.fail("only .tf32 knows .rna");
  if ((modes.relu || modes.satfinite) && (!ptx::is_float(to) || to == Type::kF32 || to == Type::kF64)) {
    d.fail(".relu and .satfinite are for floats of less than 32 bits");
  }
  if (to == Type::kPred || from == Type::kPred) d.fail("'cvt' does not know predicates");
  if (ptx::is_float(from)) {
    if (ptx::is_float(to)) return emit_float_to_float(d, to, from, modes);
    d.expect_operands(2);
    if (element_of(from) != Type::kNone || from == Type::kTf32) d.fail("'cvt' cannot read this type");
    emit_float_to_integer(d, to, from, modes);
  } else if (ptx::is_float(to)) {
    d.expect_operands(2);
    if (element_of(to) != Type::kNone || to == Type::kTf32) d.fail("'cvt' knows no such types");
    emit_integer_to_float(d, to, from, modes);
  } else {
    d.expect_operands(2);
    int to_register = 0, from_register = 0;
    const Slot dst = d.write_any_width(d.operand(0), to, to_register);
    const Slot src = d.read_any_width(d.operand(1), from, from_register);
    emit_integers(d, dst, to, to_register, src, from, from_register, modes.sat);
  }
}

}  // namespace

const OpcodeTable kConvertOpcodes = {{"cvt", decode_cvt}};

}  // namespace talweg::exec
