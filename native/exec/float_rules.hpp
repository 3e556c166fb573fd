// How NVIDIA's floating point differs from plain C++: one NaN, subnormals flushed on demand, directed rounding.
#pragma once

#include <cfenv>
#include <cmath>
#include <limits>

#include "lanes.hpp"

namespace talweg::exec {

inline constexpr uint32_t kNan32 = 0x7fffffffu;

// Single precision results have one NaN; double precision ones keep their payload.
inline float canonical(float x) { return x == x ? x : bit_cast<float>(kNan32); }
inline double canonical(double x) { return x; }

// .ftz: subnormals become zero and keep their sign.
template <bool kFtz>
inline float flush(float x) {
  if constexpr (!kFtz) return x;
  const uint32_t bits = bit_cast<uint32_t>(x);
  return bit_cast<float>((bits & 0x7f800000u) == 0 ? bits & 0x80000000u : bits);
}
template <bool kFtz>
inline double flush(double x) { return x; }

template <class T>
inline T saturate(T x) { return x >= T{0} ? (x <= T{1} ? x : T{1}) : T{0}; }  // NaN gives 0
template <class T>
T saturated(T x) { return saturate(x) + T{0}; }  // the addition turns -0 into +0

// PTX .rn .rz .rm .rp, and .rna of some conversions
enum class Rounding : uint8_t { kNearest, kZero, kDown, kUp, kAway };

inline int fenv_mode(Rounding rounding) {
  constexpr int kModes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD, FE_TONEAREST};
  return kModes[static_cast<int>(rounding)];
}

// A handler run under another rounding mode, in Instr::flags. The calls keep the arithmetic between them, since its
// operands and results are in memory that they might touch; the mode never outlives the instruction.
template <Handler kRun>
const Instr* rounded(Warp& warp, const Instr& in) {
  std::fesetround(fenv_mode(static_cast<Rounding>(in.flags)));
  const Instr* next = kRun(warp, in);
  std::fesetround(FE_TONEAREST);
  return next;
}

}  // namespace talweg::exec
