// IEEE half precision in integer arithmetic: exact, every rounding mode, no help from the machine needed.
#pragma once

#include <cstdint>

#include "float_rules.hpp"

namespace talweg::exec {

inline double from_half(uint16_t half) {
  const int exponent = half >> 10 & 0x1f;
  const int fraction = half & 0x3ff;
  double magnitude;
  if (exponent == 31) {
    magnitude = fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  } else if (exponent == 0) {
    magnitude = std::ldexp(fraction, -24);
  } else {
    magnitude = std::ldexp(fraction + 1024, exponent - 25);
  }
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

// Rounds once, from a double that holds the source exactly.
inline uint16_t to_half(double value, Rounding rounding) {
  if (value != value) return 0x7fff;
  const bool negative = std::signbit(value);
  const uint16_t sign = negative ? 0x8000 : 0;
  const double magnitude = std::fabs(value);
  if (std::isinf(magnitude)) return static_cast<uint16_t>(sign | 0x7c00);
  int exponent = 0;
  std::frexp(magnitude, &exponent);                    // magnitude in [2^(exponent-1), 2^exponent)
  const int unit = exponent - 11 > -24 ? exponent - 11 : -24;  // weight of the last place, as a power of two
  const double scaled = std::ldexp(magnitude, -unit);  // below 2048, exact
  const double below = std::floor(scaled);
  const double rest = scaled - below;
  uint32_t steps = static_cast<uint32_t>(below);
  const bool away = rounding == Rounding::kUp ? !negative : rounding == Rounding::kDown ? negative : false;
  if (rounding == Rounding::kNearest ? rest > 0.5 || (rest == 0.5 && (steps & 1) != 0) : away && rest > 0) steps++;
  if (magnitude == 0) return sign;
  // 1024 steps of the smallest unit are the first normal number, so adding them to the exponent field just carries.
  const uint32_t bits = unit == -24 ? steps : (static_cast<uint32_t>(unit + 24) << 10) + steps;
  if (bits < 0x7c00) return static_cast<uint16_t>(sign | bits);
  const bool overflow_to_infinity = rounding == Rounding::kNearest || away;
  return static_cast<uint16_t>(sign | (overflow_to_infinity ? 0x7c00 : 0x7bff));
}

}  // namespace talweg::exec
