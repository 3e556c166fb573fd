// Instructions that NVIDIA defines by an error bound only: computed in double precision and rounded once, which is
// within every bound. The vectorisable ones are our own; rare ones go through libm.
#include "alu_approximate.hpp"

#include "float_rules.hpp"
#include "types.hpp"

namespace talweg::exec {
namespace {

// 2^x for |x| up to 1100: 2^n times the Taylor series of 2^f, |f| <= 1/2, whose first dropped term is below 1e-13.
double exp2_fast(double x) {
  const double shifted = x + 6755399441055744.0;  // 1.5 * 2^52: the low bits now hold x rounded to an integer
  const double n = shifted - 6755399441055744.0;
  const double f = (x - n) * 0.693147180559945309417;
  double p = 1.0 / 39916800;
  p = p * f + 1.0 / 3628800;
  p = p * f + 1.0 / 362880;
  p = p * f + 1.0 / 40320;
  p = p * f + 1.0 / 5040;
  p = p * f + 1.0 / 720;
  p = p * f + 1.0 / 120;
  p = p * f + 1.0 / 24;
  p = p * f + 1.0 / 6;
  p = p * f + 0.5;
  p = p * f + 1.0;
  p = p * f + 1.0;
  const uint64_t exponent = (bit_cast<uint64_t>(shifted) + 1023) << 52;
  return p * bit_cast<double>(exponent);
}

// log2 of a positive normal number: exponent plus 2/ln 2 * atanh(s), s = (m-1)/(m+1), m in [sqrt(1/2), sqrt(2)).
double log2_fast(double x) {
  const uint64_t bits = bit_cast<uint64_t>(x);
  const uint64_t offset = bits - 0x3fe6a09e667f3bcdull;
  const int64_t exponent = static_cast<int64_t>(offset) >> 52;
  const double m = bit_cast<double>(bits - (static_cast<uint64_t>(exponent) << 52));
  const double s = (m - 1) / (m + 1), t = s * s;
  double p = 1.0 / 17;
  p = p * t + 1.0 / 15;
  p = p * t + 1.0 / 13;
  p = p * t + 1.0 / 11;
  p = p * t + 1.0 / 9;
  p = p * t + 1.0 / 7;
  p = p * t + 1.0 / 5;
  p = p * t + 1.0 / 3;
  p = p * t + 1.0;
  // The exponent is small: its double is made by the bits of 1.5 * 2^52 + exponent, which vectorises.
  const double e = bit_cast<double>(static_cast<uint64_t>(exponent) + 0x4338000000000000ull) - 6755399441055744.0;
  return e + s * p * 2.88539008177792681472;
}

template <bool kFtz>
float ex2(float a) {
  const float x = flush<kFtz>(a);
  const float clamped = x > 200.0f ? 200.0f : x < -200.0f ? -200.0f : x == x ? x : 0.0f;
  const float value = static_cast<float>(exp2_fast(static_cast<double>(clamped)));
  return canonical(flush<kFtz>(x == x ? value : x));
}

template <bool kFtz>
float lg2(float a) {
  const float x = flush<kFtz>(a);
  const bool regular = x > 0 && x < std::numeric_limits<float>::infinity();
  const float value = static_cast<float>(log2_fast(static_cast<double>(regular ? x : 1.0f)));
  const float special = x == 0   ? -std::numeric_limits<float>::infinity()
                        : x > 0  ? x
                                 : bit_cast<float>(kNan32);
  return flush<kFtz>(regular ? value : special);
}

template <bool kFtz>
float rsqrt(float a) {
  const float x = flush<kFtz>(a);
  return canonical(flush<kFtz>(static_cast<float>(1.0 / std::sqrt(static_cast<double>(x)))));
}
template <bool kFtz>
float rcp(float a) { return canonical(flush<kFtz>(1.0f / flush<kFtz>(a))); }
template <bool kFtz>
float root(float a) { return canonical(flush<kFtz>(__builtin_sqrtf(flush<kFtz>(a)))); }
template <bool kFtz>
float sine(float a) {
  const float x = flush<kFtz>(a);
  return canonical(flush<kFtz>(static_cast<float>(std::sin(static_cast<double>(x)))));
}
template <bool kFtz>
float cosine(float a) { return canonical(static_cast<float>(std::cos(static_cast<double>(flush<kFtz>(a))))); }
float tangent_hyperbolic(float a) { return canonical(static_cast<float>(std::tanh(static_cast<double>(a)))); }
template <bool kFtz>
float div_full(float a, float b) { return canonical(flush<kFtz>(flush<kFtz>(a) / flush<kFtz>(b))); }

// Divisors beyond 2^126 have a reciprocal of 0 here, as the manual says.
template <bool kFtz>
float div_approx(float a, float b) {
  const float x = flush<kFtz>(a), y = flush<kFtz>(b);
  const float magnitude = __builtin_fabsf(y);
  const bool huge = magnitude > 0x1p126f && magnitude < std::numeric_limits<float>::infinity();
  const float divisor = huge ? __builtin_copysignf(std::numeric_limits<float>::infinity(), y) : y;
  return canonical(flush<kFtz>(x / divisor));
}

// Double precision: the low half of the operand is ignored and that of the result is zero.
double upper_half(double x) { return bit_cast<double>(bit_cast<uint64_t>(x) & 0xffffffff00000000ull); }
double flush_double(double x) {
  return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0, x) : x;
}
double rcp_double(double a) { return upper_half(flush_double(1.0 / flush_double(upper_half(a)))); }
double rsqrt_double(double a) { return upper_half(1.0 / std::sqrt(flush_double(upper_half(a)))); }

void emit_approximate(Decoder& d, Handler plain, Handler flushing, Handler twice = nullptr) {
  const bool ftz = d.take(".ftz");
  const Type type = d.take_type();
  Handler handler = type == Type::kF32 ? (ftz ? flushing : plain) : type == Type::kF64 ? twice : nullptr;
  if (handler == nullptr) d.fail("'" + std::string(d.opcode()) + "' knows no such type");
  if (d.operand_count() == 3) emit_binary(d, handler, type);
  else emit_unary(d, handler, type);
}

}  // namespace

bool decode_approximate(Decoder& d) {
  const std::string_view op = d.opcode();
  if (op == "div" && d.take(".full")) {
    emit_approximate(d, &Lanewise<&div_full<false>>::run, &Lanewise<&div_full<true>>::run);
    return true;
  }
  if (!d.take(".approx")) return false;
  if (op == "div") {
    emit_approximate(d, &Lanewise<&div_approx<false>>::run, &Lanewise<&div_approx<true>>::run);
  } else if (op == "rcp") {
    emit_approximate(d, &Lanewise<&rcp<false>>::run, &Lanewise<&rcp<true>>::run, &Lanewise<&rcp_double>::run);
  } else if (op == "sqrt") {
    emit_approximate(d, &Lanewise<&root<false>>::run, &Lanewise<&root<true>>::run);
  } else if (op == "rsqrt") {
    emit_approximate(d, &Lanewise<&rsqrt<false>>::run, &Lanewise<&rsqrt<true>>::run, &Lanewise<&rsqrt_double>::run);
  } else if (op == "sin") {
    emit_approximate(d, &Lanewise<&sine<false>>::run, &Lanewise<&sine<true>>::run);
  } else if (op == "cos") {
    emit_approximate(d, &Lanewise<&cosine<false>>::run, &Lanewise<&cosine<true>>::run);
  } else if (op == "ex2") {
    emit_approximate(d, &Lanewise<&ex2<false>>::run, &Lanewise<&ex2<true>>::run);
  } else if (op == "lg2") {
    emit_approximate(d, &Lanewise<&lg2<false>>::run, &Lanewise<&lg2<true>>::run);
  } else if (op == "tanh") {
    emit_approximate(d, &Lanewise<&tangent_hyperbolic>::run, nullptr);
  } else {
    return false;
  }
  return true;
}

namespace {

void decode_only_approximate(Decoder& d) {
  if (!decode_approximate(d)) d.fail("'" + std::string(d.opcode()) + "' needs .approx");
}

}  // namespace

const OpcodeTable kApproximateOpcodes = {
    {"rsqrt", decode_only_approximate}, {"sin", decode_only_approximate}, {"cos", decode_only_approximate},
    {"ex2", decode_only_approximate},   {"lg2", decode_only_approximate}, {"tanh", decode_only_approximate},
};

}  // namespace talweg::exec
