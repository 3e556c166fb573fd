// Binary floating-point formats of at most 32 bits in integer arithmetic: exact, every rounding mode, no help from
// the machine needed. Beside it, fast conversions of half and bfloat16 that vectorise.
#pragma once

#include <algorithm>
#include <cstdint>

#include "float_rules.hpp"

namespace talweg::exec {

struct FloatFormat {
  int exponent_bits, fraction_bits;
  bool has_infinity;
  uint32_t nan, largest;  // bit patterns of the canonical NaN and the largest finite number
};
inline constexpr FloatFormat kHalf{5, 10, true, 0x7fff, 0x7bff};
inline constexpr FloatFormat kBfloat{8, 7, true, 0x7fff, 0x7f7f};
inline constexpr FloatFormat kTensorFloat{8, 10, true, 0x3ffff, 0x3fbff};  // the upper 19 bits of its register
inline constexpr FloatFormat kSingle{8, 23, true, kNan32, 0x7f7fffff};
inline constexpr FloatFormat kE4m3{4, 3, false, 0x7f, 0x7e};
inline constexpr FloatFormat kE5m2{5, 2, true, 0x7f, 0x7b};

// The value that a pattern stands for; every such value is a double.
inline double decode_float(uint32_t bits, const FloatFormat& format) {
  const int bias = (1 << (format.exponent_bits - 1)) - 1, width = format.exponent_bits + format.fraction_bits;
  const uint32_t magnitude = bits & ((1u << width) - 1), exponent = magnitude >> format.fraction_bits;
  const uint32_t fraction = magnitude & ((1u << format.fraction_bits) - 1);
  double value;
  if (format.has_infinity ? exponent == (1u << format.exponent_bits) - 1 : magnitude == format.nan) {
    value = format.has_infinity && fraction == 0 ? std::numeric_limits<double>::infinity()
                                                 : std::numeric_limits<double>::quiet_NaN();
  } else {
    const uint32_t hidden = exponent != 0 ? 1u << format.fraction_bits : 0;
    value = std::ldexp(fraction | hidden, static_cast<int>(std::max(exponent, 1u)) - bias - format.fraction_bits);
  }
  return (bits >> width & 1) != 0 ? -value : value;
}

// Rounds once. `saturate`: what overflows becomes the largest finite number.
inline uint32_t encode_float(double value, const FloatFormat& format, Rounding rounding, bool saturate = false) {
  const uint64_t bits = bit_cast<uint64_t>(value), magnitude = bits & ~(uint64_t{1} << 63);
  const uint64_t infinity = uint64_t{0x7ff} << 52;
  if (magnitude > infinity) return format.nan;
  const bool negative = bits >> 63 != 0;
  const uint32_t sign = negative ? 1u << (format.exponent_bits + format.fraction_bits) : 0;
  const bool away = rounding == Rounding::kUp ? !negative : rounding == Rounding::kDown && negative;
  const uint32_t above = saturate || !format.has_infinity ? format.largest : format.largest + 1;
  if (magnitude == infinity) return sign | above;
  const int exponent = std::max(static_cast<int>(magnitude >> 52), 1) - 1023;
  const uint64_t significand = (magnitude & ((uint64_t{1} << 52) - 1)) | (magnitude >> 52 != 0 ? uint64_t{1} << 52 : 0);
  const int lowest = 2 - (1 << (format.exponent_bits - 1));  // exponent of the smallest normal number
  const int scale = std::max(exponent, lowest);
  const int drop = std::min(52 - format.fraction_bits + scale - exponent, 63);
  uint64_t kept = significand >> drop;
  const uint64_t rest = significand & ((uint64_t{1} << drop) - 1), tie = drop > 0 ? uint64_t{1} << (drop - 1) : 0;
  switch (rounding) {
    case Rounding::kNearest: kept += rest > tie || (rest == tie && drop > 0 && (kept & 1) != 0) ? 1 : 0; break;
    case Rounding::kAway: kept += drop > 0 && rest >= tie ? 1 : 0; break;
    default: kept += away && rest != 0 ? 1 : 0; break;
  }
  // The hidden bit of a normal number adds one to the exponent field, and so does a carry out of the fraction.
  const uint64_t code = (static_cast<uint64_t>(scale - lowest) << format.fraction_bits) + kept;
  if (code <= format.largest) return sign | static_cast<uint32_t>(code);
  const bool to_infinity = away || rounding == Rounding::kNearest || rounding == Rounding::kAway;
  return sign | (to_infinity ? above : format.largest);
}

// An inexact double sum or quotient made odd in its last place: rounding it again to fewer bits then equals rounding
// the exact value once (Boldo and Melquiond 2008). `error` is exact minus value, of which only the sign counts.
inline double round_to_odd(double value, double error) {
  const uint64_t bits = bit_cast<uint64_t>(value);
  const bool beyond = (error > 0) == (value > 0);  // the exact magnitude is larger
  const uint64_t odd = (beyond ? bits : bits - 1) | 1;
  return error == 0 || value - value != 0 ? value : bit_cast<double>(odd);
}

inline double sum_to_odd(double a, double b) {
  const double sum = a + b, part = sum - a;
  const double error = (a - (sum - part)) + (b - part);
  return round_to_odd(sum, error);
}

// To single precision, odd where inexact.
inline float narrow_to_odd(double value) {
  const float single = static_cast<float>(value);
  const double back = static_cast<double>(single);
  const uint32_t bits = bit_cast<uint32_t>(single);
  const uint32_t odd = (__builtin_fabs(back) > __builtin_fabs(value) ? bits - 1 : bits) | 1;
  return back == value || value != value ? single : bit_cast<float>(odd);
}

struct Half {
  static constexpr const FloatFormat& kFormat = kHalf;
  static float widen(uint16_t half) {
    const uint32_t magnitude = half & 0x7fffu;
    const float scaled = bit_cast<float>(magnitude << 13) * 0x1p112f;
    const uint32_t special = magnitude >= 0x7c00 ? 0x7f800000u : 0;
    return bit_cast<float>(bit_cast<uint32_t>(scaled) | special | (half & 0x8000u) << 16);
  }
  // Rounds to nearest, ties to even.
  static uint16_t narrow(float value) {
    const uint32_t bits = bit_cast<uint32_t>(value), magnitude = bits & 0x7fffffff, sign = bits >> 16 & 0x8000;
    const uint32_t normal = (magnitude + 0xc8000fffu + (magnitude >> 13 & 1)) >> 13;
    const uint32_t subnormal = bit_cast<uint32_t>(bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
    const uint32_t finite = magnitude < 0x38800000 ? subnormal : normal;
    const uint32_t result = sign | (magnitude >= 0x477ff000 ? 0x7c00u : finite);
    return static_cast<uint16_t>(magnitude > 0x7f800000 ? 0x7fffu : result);
  }
  // From a double that an exact value was made odd in.
  static uint16_t narrow(double value) { return narrow(narrow_to_odd(value)); }
};

struct Bfloat {
  static constexpr const FloatFormat& kFormat = kBfloat;
  static float widen(uint16_t bits) { return bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
  static uint16_t narrow(float value) {
    const uint32_t bits = bit_cast<uint32_t>(value);
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? 0x7fffu : rounded);
  }
  static uint16_t narrow(double value) { return narrow(narrow_to_odd(value)); }
};

}  // namespace talweg::exec
