// The three matrix products of a dense layer on tensor cores, with the same surroundings as dense.cu, in tiles of 64 and
// 128. Both backward products of a launch have tiles of one size: smaller ones beside larger would have the larger ones'
// registers, and half their warps. Needs compute capability 8.0.
#include "dense.cuh"
#include "tensor_tile.cuh"

#define TALWEG_TENSOR(NAME, TILE, ...)          \
  using NAME = TensorTiling<TILE, __VA_ARGS__>; \
  TALWEG_FORWARD(NAME, NAME)                    \
  TALWEG_BACKWARD(NAME##_##TILE, NAME, NAME)

TALWEG_TENSOR(tf32_64, 64, 2, 2, kTf32)
TALWEG_TENSOR(tf32_128, 128, 2, 4, kTf32)
TALWEG_TENSOR(tf32x3_64, 64, 2, 2, kTf32x3)
TALWEG_TENSOR(tf32x3_128, 128, 2, 4, kTf32x3)
TALWEG_TENSOR(bf16_64, 64, 2, 2, kBf16)
TALWEG_TENSOR(bf16_128, 128, 2, 4, kBf16)
