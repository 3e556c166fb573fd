// cvt (PTX ISA, "cvt"). Float to integer saturates; NaN becomes 0, or the top bit for 64 bits.
#include <algorithm>

#include "half.hpp"
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
float half_to_float(uint16_t x) { return canonical(static_cast<float>(from_half(x))); }
double half_to_double(uint16_t x) { return from_half(x); }

template <class F>
const Instr* to_half_lanes(Warp& warp, const Instr& in) {
  const Word<F>* a = slot<Word<F>>(warp, in.a);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    d[i] = to_half(static_cast<double>(from_word<F>(a[i])), static_cast<Rounding>(in.flags));
  });
  return &in + 1;
}

uint16_t saturate_half(uint16_t x) { return to_half(saturated(from_half(x)), Rounding::kNearest); }

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
  int integral, rounding;
  bool ftz, sat;
};

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
  Slot src = d.read(1, from == Type::kF16 ? Type::kB16 : from);
  if (from == Type::kF16) {
    d.emit(&Lanewise<&half_to_float>::run, d.scratch(Type::kF32), src);
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

// From a float or integer in `src` of type f32 or f64 to half.
void emit_to_half(Decoder& d, Slot src, Type from, const Modes& modes) {
  const Slot dst = d.write(0, Type::kB16);
  d.emit(from == Type::kF64 ? &to_half_lanes<double> : &to_half_lanes<float>, dst, src).flags =
      static_cast<uint8_t>(std::max(modes.rounding, 0));
  if (modes.sat) d.emit(&Lanewise<&saturate_half>::run, dst, dst);
}

void emit_integer_to_float(Decoder& d, Type to, Type from, const Modes& modes) {
  if (modes.rounding < 0) d.fail("'cvt' from integer to float needs .rn, .rz, .rm or .rp");
  const Slot src = integer_source(d, from);
  if (to == Type::kF16) {
    Modes exact = modes;
    exact.rounding = 0;
    d.emit(integer_to_float_handler<double>(from, exact), d.scratch(Type::kF64), src);
    emit_to_half(d, d.scratch(Type::kF64), Type::kF64, modes);
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

void emit_float_to_float(Decoder& d, Type to, Type from, const Modes& modes) {
  if (from == Type::kF16) {
    const Slot src = d.read(1, Type::kB16);
    if (to == Type::kF16) d.fail("'cvt.f16.f16' is not supported");
    const Slot dst = d.write(0, to);
    d.emit(to == Type::kF64 ? &Lanewise<&half_to_double>::run : &Lanewise<&half_to_float>::run, dst, src);
    if (modes.sat) d.emit(to == Type::kF64 ? &Lanewise<&saturated<double>>::run : &Lanewise<&saturated<float>>::run, dst, dst);
    return;
  }
  const Slot src = d.read(1, from);
  if (to == Type::kF16) {
    if (modes.rounding < 0) d.fail("'cvt' to a narrower float needs .rn, .rz, .rm or .rp");
    emit_to_half(d, src, from, modes);
    return;
  }
  const Slot dst = d.write(0, to);
  d.emit(float_to_float_handler(d, to, from, modes), dst, src).flags = static_cast<uint8_t>(std::max(modes.rounding, 0));
  if (modes.sat) d.emit(to == Type::kF64 ? &Lanewise<&saturated<double>>::run : &Lanewise<&saturated<float>>::run, dst, dst);
}

void decode_cvt(Decoder& d) {
  Modes modes;
  modes.integral = d.take_one_of({".rni", ".rzi", ".rmi", ".rpi"});
  modes.rounding = d.take_one_of({".rn", ".rz", ".rm", ".rp"});
  modes.ftz = d.take(".ftz");
  modes.sat = d.take(".sat");
  const Type to = d.take_type(), from = d.take_type();
  d.expect_operands(2);
  if (to == Type::kPred || from == Type::kPred) d.fail("'cvt' does not know predicates");
  if (ptx::is_float(from)) {
    if (ptx::is_float(to)) emit_float_to_float(d, to, from, modes);
    else emit_float_to_integer(d, to, from, modes);
  } else if (ptx::is_float(to)) {
    emit_integer_to_float(d, to, from, modes);
  } else {
    int to_register = 0, from_register = 0;
    const Slot dst = d.write_any_width(d.operand(0), to, to_register);
    const Slot src = d.read_any_width(d.operand(1), from, from_register);
    emit_integers(d, dst, to, to_register, src, from, from_register, modes.sat);
  }
}

}  // namespace

const OpcodeTable kConvertOpcodes = {{"cvt", decode_cvt}};

}  // namespace talweg::exec
