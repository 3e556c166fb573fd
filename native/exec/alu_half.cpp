// Half precision and bfloat16 (PTX ISA, "Half Precision Floating-Point Instructions"). Sums and products are formed in
// single precision, whose 24 bits make rounding twice harmless; fma in double precision, rounded to odd on the way.
#include "alu_half.hpp"

#include "approximate.hpp"
#include "small_float.hpp"
#include "types.hpp"

namespace talweg::exec {
namespace {

constexpr uint16_t kSignBit = 0x8000, kMagnitude = 0x7fff;

// .sat and .relu work on the rounded result; NaN saturates to 0 and passes .relu as the canonical NaN.
enum class Clamp { kNone, kSaturate, kRelu };

template <class F>
bool is_nan(uint16_t x) {
  constexpr uint16_t kInfinity = static_cast<uint16_t>(F::kFormat.largest + 1);
  return (x & kMagnitude) > kInfinity;
}

template <class F, bool kFtz>
uint16_t flush_narrow(uint16_t x) {
  if constexpr (!kFtz) return x;
  constexpr uint16_t kExponent = static_cast<uint16_t>(F::kFormat.largest + 1);
  return static_cast<uint16_t>((x & kExponent) == 0 ? x & kSignBit : x);
}

template <class F, Clamp kClamp>
uint16_t clamp(uint16_t x) {
  if constexpr (kClamp == Clamp::kSaturate) {
    constexpr uint16_t kOne = static_cast<uint16_t>(((1 << (F::kFormat.exponent_bits - 1)) - 1) << F::kFormat.fraction_bits);
    const bool zero = (x & kSignBit) != 0 || is_nan<F>(x);
    return zero ? uint16_t{0} : x > kOne ? kOne : x;
  } else if constexpr (kClamp == Clamp::kRelu) {
    return (x & kSignBit) != 0 && !is_nan<F>(x) ? uint16_t{0} : x;
  } else {
    return x;
  }
}

template <class F, bool kFtz, Clamp kClamp, class Value>
uint16_t finish(Value value) { return clamp<F, kClamp>(flush_narrow<F, kFtz>(F::narrow(value))); }

template <class F, bool kFtz>
float operand(uint16_t x) { return F::widen(flush_narrow<F, kFtz>(x)); }

template <class F, bool kFtz, Clamp kClamp>
struct Add {
  static uint16_t f(uint16_t a, uint16_t b) {
    return finish<F, kFtz, kClamp>(operand<F, kFtz>(a) + operand<F, kFtz>(b));
  }
};
template <class F, bool kFtz, Clamp kClamp>
struct Sub {
  static uint16_t f(uint16_t a, uint16_t b) {
    return finish<F, kFtz, kClamp>(operand<F, kFtz>(a) - operand<F, kFtz>(b));
  }
};
template <class F, bool kFtz, Clamp kClamp>
struct Mul {
  static uint16_t f(uint16_t a, uint16_t b) {
    return finish<F, kFtz, kClamp>(operand<F, kFtz>(a) * operand<F, kFtz>(b));
  }
};
template <class F, bool kFtz, Clamp kClamp>
struct Fma {
  static uint16_t f(uint16_t a, uint16_t b, uint16_t c) {
    const double product = static_cast<double>(operand<F, kFtz>(a)) * static_cast<double>(operand<F, kFtz>(b));
    return finish<F, kFtz, kClamp>(sum_to_odd(product, static_cast<double>(operand<F, kFtz>(c))));
  }
};
template <class F, bool kFtz, Clamp>
struct Neg {
  static uint16_t f(uint16_t a) { return static_cast<uint16_t>(flush_narrow<F, kFtz>(a) ^ kSignBit); }
};
template <class F, bool kFtz, Clamp>
struct Abs {
  static uint16_t f(uint16_t a) { return static_cast<uint16_t>(flush_narrow<F, kFtz>(a) & kMagnitude); }
};

// Sign and magnitude as an integer that grows with the value; -0 lies below +0.
inline int order(uint16_t x) { return (x & kSignBit) != 0 ? -1 - (x & kMagnitude) : x; }

template <class F, bool kFtz, bool kMin, bool kNan, bool kXorSign>
struct Extremum {
  static uint16_t f(uint16_t x, uint16_t y) {
    uint16_t a = flush_narrow<F, kFtz>(x), b = flush_narrow<F, kFtz>(y);
    const uint16_t sign = static_cast<uint16_t>((a ^ b) & kSignBit);
    if constexpr (kXorSign) {
      a = static_cast<uint16_t>(a & kMagnitude);
      b = static_cast<uint16_t>(b & kMagnitude);
    }
    const uint16_t nan = static_cast<uint16_t>(F::kFormat.nan);
    const uint16_t number = (order(a) < order(b)) == kMin ? a : b;
    const uint16_t signed_number = kXorSign ? static_cast<uint16_t>(number | sign) : number;
    const bool a_nan = is_nan<F>(a), b_nan = is_nan<F>(b);
    if (kNan) return a_nan || b_nan ? nan : signed_number;
    return a_nan ? (b_nan ? nan : b) : b_nan ? a : signed_number;
  }
};

// On both halves of a word.
template <uint16_t (*F)(uint16_t)>
uint32_t pair1(uint32_t a) { return F(static_cast<uint16_t>(a)) | uint32_t{F(static_cast<uint16_t>(a >> 16))} << 16; }
template <uint16_t (*F)(uint16_t, uint16_t)>
uint32_t pair2(uint32_t a, uint32_t b) {
  return F(static_cast<uint16_t>(a), static_cast<uint16_t>(b)) |
         uint32_t{F(static_cast<uint16_t>(a >> 16), static_cast<uint16_t>(b >> 16))} << 16;
}
template <uint16_t (*F)(uint16_t, uint16_t, uint16_t)>
uint32_t pair3(uint32_t a, uint32_t b, uint32_t c) {
  return F(static_cast<uint16_t>(a), static_cast<uint16_t>(b), static_cast<uint16_t>(c)) |
         uint32_t{F(static_cast<uint16_t>(a >> 16), static_cast<uint16_t>(b >> 16), static_cast<uint16_t>(c >> 16))}
             << 16;
}

template <auto F>
struct Paired;
template <uint16_t (*F)(uint16_t)>
struct Paired<F> {
  static constexpr Handler kRun = &Lanewise<&pair1<F>>::run;
};
template <uint16_t (*F)(uint16_t, uint16_t)>
struct Paired<F> {
  static constexpr Handler kRun = &Lanewise<&pair2<F>>::run;
};
template <uint16_t (*F)(uint16_t, uint16_t, uint16_t)>
struct Paired<F> {
  static constexpr Handler kRun = &Lanewise<&pair3<F>>::run;
};

template <auto F>
Handler single_or_pair(bool pair) {
  if (pair) return Paired<F>::kRun;
  return &Lanewise<F>::run;
}

struct Form {
  bool pair, ftz;
  Clamp clamp;
};

template <template <class, bool, Clamp> class Op, class F, bool kFtz>
Handler by_clamp(const Form& form) {
  switch (form.clamp) {
    case Clamp::kSaturate: return single_or_pair<&Op<F, kFtz, Clamp::kSaturate>::f>(form.pair);
    case Clamp::kRelu: return single_or_pair<&Op<F, kFtz, Clamp::kRelu>::f>(form.pair);
    default: return single_or_pair<&Op<F, kFtz, Clamp::kNone>::f>(form.pair);
  }
}

template <template <class, bool, Clamp> class Op>
Handler by_form(bool half, const Form& form) {
  if (!half) return by_clamp<Op, Bfloat, false>(form);
  return form.ftz ? by_clamp<Op, Half, true>(form) : by_clamp<Op, Half, false>(form);
}

template <class F, bool kFtz, bool kMin, bool kNan>
Handler extremum(bool xor_sign, bool pair) {
  return xor_sign ? single_or_pair<&Extremum<F, kFtz, kMin, kNan, true>::f>(pair)
                  : single_or_pair<&Extremum<F, kFtz, kMin, kNan, false>::f>(pair);
}
template <class F, bool kFtz, bool kMin>
Handler extremum(bool nan, bool xor_sign, bool pair) {
  return nan ? extremum<F, kFtz, kMin, true>(xor_sign, pair) : extremum<F, kFtz, kMin, false>(xor_sign, pair);
}
template <class F, bool kFtz>
Handler extremum(bool is_min, bool nan, bool xor_sign, bool pair) {
  return is_min ? extremum<F, kFtz, true>(nan, xor_sign, pair) : extremum<F, kFtz, false>(nan, xor_sign, pair);
}

bool is_pair(Type type) { return type == Type::kF16x2 || type == Type::kBf16x2; }
bool is_half(Type type) { return type == Type::kF16 || type == Type::kF16x2; }
Type bits_type(Type type) { return is_pair(type) ? Type::kB32 : Type::kB16; }

template <class F>
double value_of(uint32_t bits) { return static_cast<double>(F::widen(static_cast<uint16_t>(bits))); }

// Comparisons: `holds` of -1, 0, 1 (less, equal, greater) or unordered, as a mask of four bits.
enum Outcome : uint8_t { kLess = 1, kEqual = 2, kGreater = 4, kUnordered = 8 };

uint8_t take_comparison(Decoder& d) {
  static constexpr uint8_t kMasks[] = {
      kEqual, kLess | kGreater, kLess, kLess | kEqual, kGreater, kGreater | kEqual,
      kEqual | kUnordered, kLess | kGreater | kUnordered, kLess | kUnordered, kLess | kEqual | kUnordered,
      kGreater | kUnordered, kGreater | kEqual | kUnordered, kLess | kEqual | kGreater, kUnordered};
  const int comparison = d.take_one_of({".eq", ".ne", ".lt", ".le", ".gt", ".ge", ".equ", ".neu", ".ltu", ".leu", ".gtu",
                                        ".geu", ".num", ".nan"});
  if (comparison < 0) d.fail("'" + std::string(d.opcode()) + "' lacks a comparison, or the type does not know it");
  return kMasks[comparison];
}

template <class F, bool kFtz>
uint8_t outcome(uint32_t a, uint32_t b) {
  const float x = operand<F, kFtz>(static_cast<uint16_t>(a)), y = operand<F, kFtz>(static_cast<uint16_t>(b));
  return x < y ? kLess : x > y ? kGreater : x == y ? kEqual : kUnordered;
}

// flags: the comparison's mask, and in the upper half how c combines; imm bit 0: c is negated.
template <class F, bool kFtz>
void compare_lanes(Warp& warp, const Instr& in, uint32_t& low, uint32_t& high) {
  const uint32_t *a = slot<uint32_t>(warp, in.a), *b = slot<uint32_t>(warp, in.b);
  const uint8_t mask = in.flags & 0xf;
  low = high = 0;
  for (int i = 0; i < kLanes; i++) {
    low |= (outcome<F, kFtz>(a[i], b[i]) & mask) != 0 ? 1u << i : 0u;
    high |= (outcome<F, kFtz>(a[i] >> 16, b[i] >> 16) & mask) != 0 ? 1u << i : 0u;
  }
}

uint32_t combine_with(Warp& warp, const Instr& in, uint32_t bits) {
  const int how = in.flags >> 4;
  if (how == 0) return bits;
  const uint32_t c = predicate(warp, in.c) ^ ((in.imm & 1) != 0 ? kAllLanes : 0);
  return how == 1 ? bits & c : how == 2 ? bits | c : bits ^ c;
}

// d: the second predicate. A pair compares its upper halves into it, a single value the opposite.
template <class F, bool kFtz, bool kPair>
const Instr* setp(Warp& warp, const Instr& in) {
  uint32_t low, high;
  compare_lanes<F, kFtz>(warp, in, low, high);
  const uint32_t active = active_lanes(warp, in);
  const uint32_t p = combine_with(warp, in, low), q = combine_with(warp, in, kPair ? high : ~low);
  write_predicate(warp, in.dst, active, p);
  write_predicate(warp, in.d, active, q);
  return &in + 1;
}

// imm bit 1: a pair, whose halves get the truth value in slot d each on its own.
template <class F, bool kFtz>
const Instr* set(Warp& warp, const Instr& in) {
  uint32_t low, high;
  compare_lanes<F, kFtz>(warp, in, low, high);
  low = combine_with(warp, in, low);
  high = combine_with(warp, in, high);
  const uint32_t* truth = slot<uint32_t>(warp, in.d);
  const uint32_t upper = (in.imm & 2) != 0 ? 0xffff0000u : 0, lower = (in.imm & 2) != 0 ? 0xffffu : 0xffffffffu;
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    d[i] = truth[i] & (((low >> i & 1) != 0 ? lower : 0) | ((high >> i & 1) != 0 ? upper : 0));
  });
  return &in + 1;
}

struct CombineOperand {
  uint8_t how;
  Slot slot;
  bool negated;
};

CombineOperand take_combine(Decoder& d) {
  const int how = d.take_one_of({".and", ".or", ".xor"}) + 1;
  d.expect_operands(how == 0 ? 3 : 4);
  if (how == 0) return {0, 0, false};
  return {static_cast<uint8_t>(how), d.read_predicate(d.operand(3)), d.operand(3).negated};
}

}  // namespace

Type last_type(const Decoder& d) {
  Type last = Type::kNone;
  for (std::string_view modifier : d.instruction().modifiers) {
    if (ptx::type_from(modifier) != Type::kNone) last = ptx::type_from(modifier);
  }
  return last;
}

void decode_narrow_arithmetic(Decoder& d) {
  const std::string_view op = d.opcode();
  const bool nearest = d.take(".rn");
  Form form{};
  form.ftz = d.take(".ftz");
  if (d.take(".sat")) form.clamp = Clamp::kSaturate;
  else if (op == "fma" && d.take(".relu")) form.clamp = Clamp::kRelu;
  const bool nan = (op == "min" || op == "max") && d.take(".NaN");
  const bool xor_sign = (op == "min" || op == "max") && d.take(".xorsign");
  if (xor_sign && !d.take(".abs")) d.fail(".xorsign needs .abs");
  const Type type = d.take_type();
  form.pair = is_pair(type);
  const bool half = is_half(type);
  if (!half && (form.ftz || form.clamp == Clamp::kSaturate)) d.fail("bfloat16 has no .ftz and no .sat");
  if (op == "fma" && !nearest) d.fail("'fma' of half precision needs .rn");
  const bool one_operand = op == "neg" || op == "abs";
  if ((one_operand || op == "min" || op == "max") && (nearest || form.clamp != Clamp::kNone)) {
    d.fail("'" + std::string(op) + "' does not round");
  }
  Handler handler = nullptr;
  if (op == "add") handler = by_form<Add>(half, form);
  else if (op == "sub") handler = by_form<Sub>(half, form);
  else if (op == "mul") handler = by_form<Mul>(half, form);
  else if (op == "fma") handler = by_form<Fma>(half, form);
  else if (op == "neg") handler = by_form<Neg>(half, form);
  else if (op == "abs") handler = by_form<Abs>(half, form);
  else if (op == "min" || op == "max") {
    handler = !half       ? extremum<Bfloat, false>(op == "min", nan, xor_sign, form.pair)
              : form.ftz ? extremum<Half, true>(op == "min", nan, xor_sign, form.pair)
                         : extremum<Half, false>(op == "min", nan, xor_sign, form.pair);
  } else {
    d.fail("'" + std::string(op) + "' knows no half precision");
  }
  const Type bits = bits_type(type);
  if (one_operand) emit_unary(d, handler, bits);
  else if (op == "fma") emit_ternary(d, handler, bits);
  else emit_binary(d, handler, bits);
}

namespace {

template <class F, bool kPair, double (*kExact)(double), int kBound>
const Instr* approximate_narrow(Warp& warp, const Instr& in) {
  const uint64_t seed = approximation_seed(warp);
  const uint32_t* a = slot<uint32_t>(warp, in.a);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  const auto one = [&](uint32_t bits) -> uint32_t {
    double value = kExact(value_of<F>(bits));
    if (seed != 0 && std::isfinite(value)) value += error_of(seed, bits, std::fabs(value) * std::ldexp(1.0, kBound));
    return F::narrow(value);
  };
  for_each_lane(active_lanes(warp, in), [&](int i) {
    d[i] = kPair ? one(a[i] & 0xffff) | one(a[i] >> 16) << 16 : one(a[i] & 0xffff);
  });
  return &in + 1;
}

double exp2_exact(double x) { return std::exp2(x); }
double tanh_exact(double x) { return std::tanh(x); }

}  // namespace

// Bounds of the manual, less half a unit in the last place for the final rounding: relative 2^-9.9 for ex2.f16, 2^-7
// for ex2.bf16, 2^-10.987 for tanh.f16, 2^-8 for tanh.bf16. What remains of the last two is small.
void decode_narrow_approximate(Decoder& d) {
  const bool ftz = d.take(".ftz");
  const Type type = d.take_type();
  const bool pair = is_pair(type), half = is_half(type), ex2 = d.opcode() == "ex2";
  if (!ex2 && d.opcode() != "tanh") d.fail("'" + std::string(d.opcode()) + "' knows no half precision");
  if (ex2 && !half && !ftz) d.fail("'ex2' of bfloat16 needs .ftz");
  if (ftz && (half || !ex2)) d.fail("'" + std::string(d.opcode()) + "' of this type has no .ftz");
  Handler handler;
  if (ex2) {
    handler = half ? (pair ? &approximate_narrow<Half, true, exp2_exact, -12> : &approximate_narrow<Half, false, exp2_exact, -12>)
                   : (pair ? &approximate_narrow<Bfloat, true, exp2_exact, -9> : &approximate_narrow<Bfloat, false, exp2_exact, -9>);
  } else {
    handler = half ? (pair ? &approximate_narrow<Half, true, tanh_exact, -14> : &approximate_narrow<Half, false, tanh_exact, -14>)
                   : (pair ? &approximate_narrow<Bfloat, true, tanh_exact, -12> : &approximate_narrow<Bfloat, false, tanh_exact, -12>);
  }
  emit_unary(d, handler, bits_type(type));
}

void decode_narrow_setp(Decoder& d) {
  const uint8_t mask = take_comparison(d);
  const CombineOperand c = take_combine(d);
  const bool ftz = d.take(".ftz");
  const Type type = d.take_type();
  const Operand& result = d.operand(0);
  const bool two = result.kind == Operand::Kind::kPair, pair = is_pair(type), half = is_half(type);
  if (ftz && !half) d.fail("bfloat16 has no .ftz");
  const Slot p = d.write_predicate(two ? result.parts[0] : result);
  const Slot q = two ? d.write_predicate(result.parts[1]) : d.scratch(Type::kPred);
  const Handler handler = !half ? (pair ? &setp<Bfloat, false, true> : &setp<Bfloat, false, false>)
                          : ftz ? (pair ? &setp<Half, true, true> : &setp<Half, true, false>)
                                : (pair ? &setp<Half, false, true> : &setp<Half, false, false>);
  const Type bits = bits_type(type);
  Instr& instr = d.emit(handler, p, d.read(1, bits), d.read(2, bits), c.slot, q);
  instr.flags = static_cast<uint8_t>(mask | c.how << 4);
  instr.imm = c.negated;
}

// set.cmp.dtype.stype: 1.0 where the destination is a float, all ones where it is an integer; 0 elsewhere.
void decode_narrow_set(Decoder& d) {
  const uint8_t mask = take_comparison(d);
  const CombineOperand c = take_combine(d);
  const bool ftz = d.take(".ftz");
  const Type to = d.take_type(), type = d.take_type();
  const bool pair = is_pair(type), half = is_half(type);
  if (ftz && !half) d.fail("bfloat16 has no .ftz");
  const Type to_bits = ptx::bytes_of(to) == 2 ? Type::kB16 : Type::kB32;
  if (ptx::bytes_of(to) < 2 || ptx::bytes_of(to) > 4 || (pair && to_bits == Type::kB16)) d.fail("'set' knows no such types");
  const uint32_t truth = to == Type::kF16      ? 0x3c00u
                         : to == Type::kBf16   ? 0x3f80u
                         : to == Type::kF16x2  ? 0x3c003c00u
                         : to == Type::kBf16x2 ? 0x3f803f80u
                         : to == Type::kF32    ? 0x3f800000u
                         : to_bits == Type::kB16 ? 0xffffu
                                                 : 0xffffffffu;
  const Handler handler = !half ? &set<Bfloat, false> : ftz ? &set<Half, true> : &set<Half, false>;
  const Type bits = bits_type(type);
  Instr& instr = d.emit(handler, d.write(0, to_bits), d.read(1, bits), d.read(2, bits), c.slot,
                        d.constant(Type::kB32, truth));
  instr.flags = static_cast<uint8_t>(mask | c.how << 4);
  instr.imm = (c.negated ? 1u : 0u) | (pair ? 2u : 0u);
}

}  // namespace talweg::exec
