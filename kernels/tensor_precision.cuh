// How tensor cores multiply in each precision: what the operands, float32 in memory and in shared memory, are rounded to on
// their way in, and in which order the products of their parts are added.
#pragma once
#include "tensor.cuh"

// org.talweg.ops.Precision.
enum Precision { kTf32, kTf32x3, kBf16 };

template <Precision PRECISION>
struct TensorProduct {
  static constexpr int kStep = PRECISION == kBf16 ? 16 : 8;    // of an instruction along k
  static constexpr int kValues = kStep / 4;                    // of them in a thread, of each row of A and column of B
  static constexpr int kParts = PRECISION == kTf32x3 ? 2 : 1;  // of an operand: what it is rounded to, and what is left

  static __device__ __forceinline__ void round(const float (&values)[kValues], uint32 (&parts)[kParts][2]) {
    if constexpr (PRECISION == kBf16) {
      parts[0][0] = to_bf16(values[0], values[1]);
      parts[0][1] = to_bf16(values[2], values[3]);
    } else {
#pragma unroll
      for (int i = 0; i < 2; i++) {
        uint32 nearest = to_tf32(values[i]);
        if constexpr (PRECISION == kTf32x3) parts[1][i] = to_tf32(values[i] - __uint_as_float(nearest));
        parts[0][i] = nearest;
      }
    }
  }

  // A's 16 rows, of which this thread has two.
  static __device__ __forceinline__ void round(const float (&upper)[kValues], const float (&lower)[kValues],
                                               uint32 (&parts)[kParts][4]) {
    uint32 up[kParts][2];
    uint32 low[kParts][2];
    round(upper, up);
    round(lower, low);
#pragma unroll
    for (int part = 0; part < kParts; part++) {
      parts[part][0] = up[part][0];
      parts[part][1] = low[part][0];
      parts[part][2] = up[part][1];
      parts[part][3] = low[part][1];
    }
  }

  // C += A B; the small products first, so that they are not lost beside the large one.
  static __device__ __forceinline__ void multiply(float& c0, float& c1, float& c2, float& c3,
                                                  const uint32 (&a)[kParts][4], const uint32 (&b)[kParts][2]) {
    if constexpr (PRECISION == kBf16) {
      multiply_bf16(c0, c1, c2, c3, a[0], b[0]);
    } else {
      if constexpr (kParts == 2) {
        multiply_tf32(c0, c1, c2, c3, a[1], b[0]);
        multiply_tf32(c0, c1, c2, c3, a[0], b[1]);
      }
      multiply_tf32(c0, c1, c2, c3, a[0], b[0]);
    }
  }
};
