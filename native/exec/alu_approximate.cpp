// Instructions that NVIDIA defines by an error bound only. Best effort: computed in double precision and rounded once,
// which is within every bound; the vectorisable ones are our own, rare ones go through libm. Perturbed: the same with
// an error added that, together with the rounding, stays within the bound.
#include "alu_approximate.hpp"

#include "alu_half.hpp"
#include "approximate.hpp"
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

// Half a unit in the last place is the final rounding's; these are what the bounds leave beyond it.
double ulp(double value) {
  int exponent = 0;
  std::frexp(value, &exponent);
  return std::ldexp(1.0, std::max(exponent, -125) - 24);
}
double one_ulp(double, double value) { return 0.49 * ulp(value); }
double two_ulp(double, double value) { return 1.49 * ulp(value); }
// Relative 2^-22. Powers of whole numbers are exact: CUDA's expm1f, good to 1 ULP, scales by them and subtracts 1.
double ex2_bound(double x, double value) { return x == std::floor(x) ? 0 : 0x1p-23 * std::fabs(value); }
double root_bound(double, double value) { return 0x1p-25 * std::fabs(value); }    // relative 2^-23
double rsqrt_bound(double, double value) { return 0x1p-24 * std::fabs(value); }   // relative 2^-22.9
double lg2_bound(double x, double value) {                                        // 2^-22, absolute in (0.5, 2)
  return 0x1p-23 * (x > 0.5 && x < 2 ? 1.0 : std::fabs(value));
}
double sine_bound(double x, double) {                                             // absolute, by range
  return std::fabs(x) <= 6.28 ? 0x1p-20 * 0.6 : 0x1p-15;
}
double tanh_bound(double, double value) { return 0x1p-11 * 0.99 * std::fabs(value); }

double exact_ex2(double x) { return std::exp2(x); }
double exact_lg2(double x) { return std::log2(x); }
double exact_rcp(double x) { return 1.0 / x; }
double exact_root(double x) { return std::sqrt(x); }
double exact_rsqrt(double x) { return 1.0 / std::sqrt(x); }
double exact_sine(double x) { return std::sin(x); }
double exact_cosine(double x) { return std::cos(x); }
double exact_tanh(double x) { return std::tanh(x); }

using Exact = double (*)(double);
using Bound = double (*)(double operand, double value);

double moved(uint64_t seed, uint64_t operand, double value, double bound) {
  return std::isfinite(value) && value != 0 ? value + error_of(seed, operand, bound) : value;
}

template <Exact kExact, Bound kBound, bool kFtz>
const Instr* perturbed(Warp& warp, const Instr& in) {
  const uint64_t seed = approximation_seed(warp);
  const float* a = slot<float>(warp, in.a);
  float* d = slot<float>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    const double x = static_cast<double>(flush<kFtz>(a[i])), value = kExact(x);
    d[i] = canonical(flush<kFtz>(static_cast<float>(moved(seed, bit_cast<uint64_t>(x), value, kBound(x, value)))));
  });
  return &in + 1;
}

// div.full, and div.approx where the divisor is not huge.
template <bool kFtz, float (*kBest)(float, float)>
const Instr* perturbed_quotient(Warp& warp, const Instr& in) {
  const uint64_t seed = approximation_seed(warp);
  const float *a = slot<float>(warp, in.a), *b = slot<float>(warp, in.b);
  float* d = slot<float>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    const float best = kBest(a[i], b[i]);
    const double x = static_cast<double>(flush<kFtz>(a[i])), y = static_cast<double>(flush<kFtz>(b[i])), value = x / y;
    const uint64_t operands = bit_cast<uint64_t>(x) * 31 + bit_cast<uint64_t>(y);
    const float off = static_cast<float>(moved(seed, operands, value, two_ulp(x, value)));
    d[i] = best == 0 || !(std::fabs(best) < std::numeric_limits<float>::infinity()) ? best : flush<kFtz>(off);
  });
  return &in + 1;
}

template <Exact kExact, double (*kBest)(double)>
const Instr* perturbed_double(Warp& warp, const Instr& in) {
  const uint64_t seed = approximation_seed(warp);
  const double* a = slot<double>(warp, in.a);
  double* d = slot<double>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    const double best = kBest(a[i]), x = flush_double(upper_half(a[i])), value = kExact(x);
    // The result has 20 bits behind the point: one of them is what can be off.
    d[i] = std::isnormal(best) ? upper_half(moved(seed, bit_cast<uint64_t>(x), value, 0x1p-20 * std::fabs(value))) : best;
  });
  return &in + 1;
}

template <Handler kBest, Handler kPerturbed>
const Instr* approximate(Warp& warp, const Instr& in) {
  return approximation_seed(warp) == 0 ? kBest(warp, in) : kPerturbed(warp, in);
}

struct Forms {
  Handler plain, flushing;
  Handler flushing_double = nullptr, plain_double = nullptr;
};

template <float (*kPlain)(float), float (*kFlushing)(float), Exact kExact, Bound kBound>
constexpr Forms forms() {
  return {&approximate<&Lanewise<kPlain>::run, &perturbed<kExact, kBound, false>>,
          &approximate<&Lanewise<kFlushing>::run, &perturbed<kExact, kBound, true>>};
}

template <float (*kPlain)(float, float), float (*kFlushing)(float, float)>
constexpr Forms quotient_forms() {
  return {&approximate<&Lanewise<kPlain>::run, &perturbed_quotient<false, kPlain>>,
          &approximate<&Lanewise<kFlushing>::run, &perturbed_quotient<true, kFlushing>>};
}

void emit_approximate(Decoder& d, const Forms& forms) {
  const bool ftz = d.take(".ftz");
  const Type type = d.take_type();
  const Handler handler = type == Type::kF32   ? (ftz ? forms.flushing : forms.plain)
                          : type == Type::kF64 ? (ftz ? forms.flushing_double : forms.plain_double)
                                               : nullptr;
  if (handler == nullptr) d.fail("'" + std::string(d.opcode()) + "' knows no such type");
  if (d.opcode() == "div") emit_binary(d, handler, type);
  else emit_unary(d, handler, type);
}

}  // namespace

bool decode_approximate(Decoder& d) {
  const std::string_view op = d.opcode();
  if (op == "div" && d.take(".full")) {
    emit_approximate(d, quotient_forms<&div_full<false>, &div_full<true>>());
    return true;
  }
  if (!d.take(".approx")) return false;
  if (is_narrow_float(last_type(d))) {
    decode_narrow_approximate(d);
  } else if (op == "div") {
    emit_approximate(d, quotient_forms<&div_approx<false>, &div_approx<true>>());
  } else if (op == "rcp") {
    Forms forms = talweg::exec::forms<&rcp<false>, &rcp<true>, exact_rcp, one_ulp>();
    forms.flushing_double = &approximate<&Lanewise<&rcp_double>::run, &perturbed_double<exact_rcp, rcp_double>>;
    emit_approximate(d, forms);
  } else if (op == "sqrt") {
    emit_approximate(d, forms<&root<false>, &root<true>, exact_root, root_bound>());
  } else if (op == "rsqrt") {
    Forms forms = talweg::exec::forms<&rsqrt<false>, &rsqrt<true>, exact_rsqrt, rsqrt_bound>();
    forms.plain_double = &Lanewise<&exact_rsqrt>::run;
    forms.flushing_double = &approximate<&Lanewise<&rsqrt_double>::run, &perturbed_double<exact_rsqrt, rsqrt_double>>;
    emit_approximate(d, forms);
  } else if (op == "sin") {
    emit_approximate(d, forms<&sine<false>, &sine<true>, exact_sine, sine_bound>());
  } else if (op == "cos") {
    emit_approximate(d, forms<&cosine<false>, &cosine<true>, exact_cosine, sine_bound>());
  } else if (op == "ex2") {
    emit_approximate(d, forms<&ex2<false>, &ex2<true>, exact_ex2, ex2_bound>());
  } else if (op == "lg2") {
    emit_approximate(d, forms<&lg2<false>, &lg2<true>, exact_lg2, lg2_bound>());
  } else if (op == "tanh") {
    if (d.has(".ftz")) d.fail("'tanh' has no .ftz");
    emit_approximate(d, forms<&tangent_hyperbolic, &tangent_hyperbolic, exact_tanh, tanh_bound>());
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
