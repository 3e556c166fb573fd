// The three matrix products of a dense layer on tensor cores, with the same surroundings as dense.cu, in tiles of 64 and
// 128. Both backward products of a launch have tiles of one size: smaller ones beside larger would have the larger ones'
// registers, and half their warps. Those with bf16_weights read W as it is in memory then. Needs compute capability 8.0.
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

#define TALWEG_BF16_WEIGHTS(TILE, ...)                                            \
  using bf16_weights_##TILE = TensorTiling<TILE, __VA_ARGS__, kBf16, bfloat16>;   \
  TALWEG_FORWARD(bf16_weights_##TILE, bf16_weights_##TILE)                        \
  TALWEG_BACKWARD(bf16_weights_##TILE##_##TILE, bf16_##TILE, bf16_weights_##TILE)

TALWEG_BF16_WEIGHTS(64, 2, 2)
TALWEG_BF16_WEIGHTS(128, 2, 4)
