// float32 values rounded to bfloat16, on every chip: tensor cores read them, updates write them beside the float32 ones.
#pragma once
#include "common.cuh"

typedef unsigned short bfloat16;

// To nearest, ties to even, and one NaN for all: as "cvt.rn.bf16x2.f32" does, which chips before 8.0 lack.
__device__ __forceinline__ uint32 bfloat16_bits(float value) {
  uint32 bits = __float_as_uint(value);
  return value == value ? (bits + 0x7fff + (bits >> 16 & 1)) >> 16 : 0x7fff;
}

__device__ __forceinline__ void store4(bfloat16* pointer, float4 value) {
  *reinterpret_cast<uint2*>(pointer) = make_uint2(bfloat16_bits(value.x) | bfloat16_bits(value.y) << 16,
                                                  bfloat16_bits(value.z) | bfloat16_bits(value.w) << 16);
}
