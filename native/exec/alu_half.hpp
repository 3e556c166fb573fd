// Half precision and bfloat16, alone and in pairs: the forms of add, fma, setp and others that work on them.
#pragma once

#include "decode.hpp"

namespace talweg::exec {

inline bool is_narrow_float(Type type) {
  return type == Type::kF16 || type == Type::kF16x2 || type == Type::kBf16 || type == Type::kBf16x2;
}
// The type of the instruction's last type modifier, taken or not.
Type last_type(const Decoder& decoder);

// Each decodes the current instruction, whose type is one of the above.
void decode_narrow_arithmetic(Decoder& decoder);            // add, sub, mul, fma, neg, abs, min, max, copysign
void decode_narrow_approximate(Decoder& decoder);           // ex2, tanh: behind .approx
void decode_narrow_setp(Decoder& decoder);
void decode_narrow_set(Decoder& decoder);

}  // namespace talweg::exec
