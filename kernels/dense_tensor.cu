// The three matrix products of a dense layer on tensor cores, with the same surroundings as dense.cu, in tiles of 64 and
// 128. Needs compute capability 8.0.
#include "dense.cuh"
#include "tensor_tile.cuh"

#define TALWEG_TENSOR(NAME, PRECISION)                                \
  TALWEG_DENSE(NAME##_64, TensorTiling<64, 2, 2, PRECISION>)          \
  TALWEG_DENSE(NAME##_128, TensorTiling<128, 2, 4, PRECISION>)

TALWEG_TENSOR(tf32, kTf32)
TALWEG_TENSOR(tf32x3, kTf32x3)
TALWEG_TENSOR(bf16, kBf16)
