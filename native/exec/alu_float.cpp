// Floating-point arithmetic that IEEE 754 defines to the bit (PTX ISA, "Floating-Point Instructions").
#include "alu_approximate.hpp"
#include "alu_half.hpp"
#include "float_rules.hpp"
#include "types.hpp"

namespace talweg::exec {
namespace {

template <class T, bool kFtz>
T add(T a, T b) { return canonical(flush<kFtz>(flush<kFtz>(a) + flush<kFtz>(b))); }
template <class T, bool kFtz>
T sub(T a, T b) { return canonical(flush<kFtz>(flush<kFtz>(a) - flush<kFtz>(b))); }
template <class T, bool kFtz>
T mul(T a, T b) { return canonical(flush<kFtz>(flush<kFtz>(a) * flush<kFtz>(b))); }
template <class T, bool kFtz>
T divide(T a, T b) { return canonical(flush<kFtz>(flush<kFtz>(a) / flush<kFtz>(b))); }
inline float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
template <class T, bool kFtz>
T fma(T a, T b, T c) { return canonical(flush<kFtz>(fused(flush<kFtz>(a), flush<kFtz>(b), flush<kFtz>(c)))); }
template <class T, bool kFtz>
T reciprocal(T a) { return canonical(flush<kFtz>(T{1} / flush<kFtz>(a))); }
inline float root(float a) { return __builtin_sqrtf(a); }
inline double root(double a) { return __builtin_sqrt(a); }
template <class T, bool kFtz>
T square_root(T a) { return canonical(flush<kFtz>(root(flush<kFtz>(a)))); }

template <class T>
using Bits = Word<T>;
template <class T>
constexpr Bits<T> kSign = Bits<T>{1} << (8 * sizeof(T) - 1);

template <class T, bool kFtz>
T absolute(T a) { return bit_cast<T>(static_cast<Bits<T>>(bit_cast<Bits<T>>(flush<kFtz>(a)) & ~kSign<T>)); }
template <class T, bool kFtz>
T negate(T a) { return bit_cast<T>(static_cast<Bits<T>>(bit_cast<Bits<T>>(flush<kFtz>(a)) ^ kSign<T>)); }

// A NaN loses against a number; two give the canonical NaN. -0 is smaller than +0.
template <class T>
T quiet_nan() { return canonical(std::numeric_limits<T>::quiet_NaN()); }
template <class T, bool kFtz, bool kNan>
T minimum(T x, T y) {
  const T a = flush<kFtz>(x), b = flush<kFtz>(y);
  const T zero = bit_cast<T>(static_cast<Bits<T>>(bit_cast<Bits<T>>(a) | bit_cast<Bits<T>>(b)));
  const T number = a < b ? a : b < a ? b : zero;  // equal: the same bits, or zeros of two signs
  if (kNan) return a != a || b != b ? quiet_nan<T>() : number;
  return a != a ? (b != b ? quiet_nan<T>() : b) : b != b ? a : number;
}
template <class T, bool kFtz, bool kNan>
T maximum(T x, T y) {
  const T a = flush<kFtz>(x), b = flush<kFtz>(y);
  const T zero = bit_cast<T>(static_cast<Bits<T>>(bit_cast<Bits<T>>(a) & bit_cast<Bits<T>>(b)));
  const T number = a < b ? b : b < a ? a : zero;
  if (kNan) return a != a || b != b ? quiet_nan<T>() : number;
  return a != a ? (b != b ? quiet_nan<T>() : b) : b != b ? a : number;
}

template <class T>
T copysign(T sign, T magnitude) {
  return bit_cast<T>(static_cast<Bits<T>>((bit_cast<Bits<T>>(magnitude) & ~kSign<T>) | (bit_cast<Bits<T>>(sign) & kSign<T>)));
}

Rounding take_rounding(Decoder& d) {
  const int rounding = d.take_one_of({".rn", ".rz", ".rm", ".rp"});
  return rounding < 0 ? Rounding::kNearest : static_cast<Rounding>(rounding);
}

// One operation in its three forms; each with a nearest and a directed handler.
struct Forms {
  Handler single, flushing, twice, single_directed, flushing_directed, twice_directed;
};
template <auto F32, auto F32Ftz, auto F64>
constexpr Forms forms() {
  return {&Lanewise<F32>::run, &Lanewise<F32Ftz>::run, &Lanewise<F64>::run, &rounded<&Lanewise<F32>::run>,
          &rounded<&Lanewise<F32Ftz>::run>, &rounded<&Lanewise<F64>::run>};
}

void emit_rounded(Decoder& d, const Forms& forms, size_t sources) {
  const Rounding rounding = take_rounding(d);
  const bool ftz = d.take(".ftz"), sat = d.take(".sat");
  const Type type = d.take_type();
  if (type != Type::kF32 && (ftz || sat || type != Type::kF64)) d.fail("no such form for this type");
  d.expect_operands(sources + 1);
  const bool directed = rounding != Rounding::kNearest;
  Handler handler = type == Type::kF64 ? (directed ? forms.twice_directed : forms.twice)
                    : ftz              ? (directed ? forms.flushing_directed : forms.flushing)
                                       : (directed ? forms.single_directed : forms.single);
  const Slot dst = d.write(0, type);
  Slot s[3] = {};
  for (size_t i = 0; i < sources; i++) s[i] = d.read(i + 1, type);
  d.emit(handler, dst, s[0], s[1], s[2]).flags = static_cast<uint8_t>(rounding);
  if (sat) d.emit(&Lanewise<&saturated<float>>::run, dst, dst);
}

void decode_add(Decoder& d) {
  if (is_narrow_float(last_type(d))) return decode_narrow_arithmetic(d);
  emit_rounded(d, forms<&add<float, false>, &add<float, true>, &add<double, false>>(), 2);
}
void decode_sub(Decoder& d) {
  if (is_narrow_float(last_type(d))) return decode_narrow_arithmetic(d);
  emit_rounded(d, forms<&sub<float, false>, &sub<float, true>, &sub<double, false>>(), 2);
}
void decode_mul(Decoder& d) {
  if (is_narrow_float(last_type(d))) return decode_narrow_arithmetic(d);
  emit_rounded(d, forms<&mul<float, false>, &mul<float, true>, &mul<double, false>>(), 2);
}
void decode_fma(Decoder& d) {
  if (is_narrow_float(last_type(d))) return decode_narrow_arithmetic(d);
  emit_rounded(d, forms<&fma<float, false>, &fma<float, true>, &fma<double, false>>(), 3);
}

void decode_div(Decoder& d) {
  if (decode_approximate(d)) return;
  emit_rounded(d, forms<&divide<float, false>, &divide<float, true>, &divide<double, false>>(), 2);
}
void decode_rcp(Decoder& d) {
  if (decode_approximate(d)) return;
  emit_rounded(d, forms<&reciprocal<float, false>, &reciprocal<float, true>, &reciprocal<double, false>>(), 1);
}
void decode_sqrt(Decoder& d) {
  if (decode_approximate(d)) return;
  emit_rounded(d, forms<&square_root<float, false>, &square_root<float, true>, &square_root<double, false>>(), 1);
}

Handler by_form(Decoder& d, bool ftz, Type type, Handler single, Handler flushing, Handler twice) {
  if (type == Type::kF64 && !ftz) return twice;
  if (type == Type::kF32) return ftz ? flushing : single;
  d.fail("'" + std::string(d.opcode()) + "' knows no such type");
}

void decode_abs(Decoder& d) {
  if (is_narrow_float(last_type(d))) return decode_narrow_arithmetic(d);
  const bool ftz = d.take(".ftz");
  const Type type = d.take_type();
  emit_unary(d, by_form(d, ftz, type, &Lanewise<&absolute<float, false>>::run, &Lanewise<&absolute<float, true>>::run,
                        &Lanewise<&absolute<double, false>>::run), type);
}

void decode_neg(Decoder& d) {
  if (is_narrow_float(last_type(d))) return decode_narrow_arithmetic(d);
  const bool ftz = d.take(".ftz");
  const Type type = d.take_type();
  emit_unary(d, by_form(d, ftz, type, &Lanewise<&negate<float, false>>::run, &Lanewise<&negate<float, true>>::run,
                        &Lanewise<&negate<double, false>>::run), type);
}

template <bool kNan>
void emit_min_max(Decoder& d, bool is_min) {
  const bool ftz = d.take(".ftz");
  const Type type = d.take_type();
  emit_binary(d, is_min ? by_form(d, ftz, type, &Lanewise<&minimum<float, false, kNan>>::run,
                                  &Lanewise<&minimum<float, true, kNan>>::run,
                                  &Lanewise<&minimum<double, false, kNan>>::run)
                        : by_form(d, ftz, type, &Lanewise<&maximum<float, false, kNan>>::run,
                                  &Lanewise<&maximum<float, true, kNan>>::run,
                                  &Lanewise<&maximum<double, false, kNan>>::run), type);
}

template <bool kMin>
void decode_min_max(Decoder& d) {
  if (is_narrow_float(last_type(d))) return decode_narrow_arithmetic(d);
  if (d.take(".NaN")) emit_min_max<true>(d, kMin);
  else emit_min_max<false>(d, kMin);
}

void decode_copysign(Decoder& d) {
  const Type type = d.take_type();
  emit_binary(d, by_form(d, false, type, &Lanewise<&copysign<float>>::run, nullptr, &Lanewise<&copysign<double>>::run),
              type);
}

enum class FloatClass : uint8_t { kFinite, kInfinite, kNumber, kNotANumber, kNormal, kSubnormal };

bool is_class(FloatClass wanted, double x, bool normal) {
  switch (wanted) {
    case FloatClass::kFinite: return std::isfinite(x);
    case FloatClass::kInfinite: return std::isinf(x);
    case FloatClass::kNumber: return !std::isnan(x);
    case FloatClass::kNotANumber: return std::isnan(x);
    case FloatClass::kNormal: return normal;
    case FloatClass::kSubnormal: return x != 0 && std::isfinite(x) && !normal;
  }
  return false;
}

template <class T>
const Instr* testp(Warp& warp, const Instr& in) {
  const Word<T>* a = slot<Word<T>>(warp, in.a);
  uint32_t bits = 0;
  for (int i = 0; i < kLanes; i++) {
    const T x = from_word<T>(a[i]);
    if (is_class(static_cast<FloatClass>(in.flags), x, x == 0 || std::isnormal(x))) bits |= 1u << i;
  }
  write_predicate(warp, in.dst, active_lanes(warp, in), bits);
  return &in + 1;
}

void decode_testp(Decoder& d) {
  const int wanted = d.take_one_of({".finite", ".infinite", ".number", ".notanumber", ".normal", ".subnormal"});
  if (wanted < 0) d.fail("'testp' needs a property to test for");
  const Type type = d.take_type();
  d.expect_operands(2);
  d.emit(by_form(d, false, type, &testp<float>, nullptr, &testp<double>), d.write(0, Type::kPred), d.read(1, type))
      .flags = static_cast<uint8_t>(wanted);
}

}  // namespace

const OpcodeTable kFloatOpcodes = {
    {"add", decode_add}, {"sub", decode_sub},  {"mul", decode_mul}, {"fma", decode_fma},   {"mad", decode_fma},
    {"div", decode_div}, {"rcp", decode_rcp},  {"sqrt", decode_sqrt}, {"abs", decode_abs}, {"neg", decode_neg},
    {"min", decode_min_max<true>}, {"max", decode_min_max<false>}, {"copysign", decode_copysign},
    {"testp", decode_testp},
};

}  // namespace talweg::exec
