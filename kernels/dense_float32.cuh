// The three matrix products of a dense layer in float32, each with everything around it fused in; org.talweg.ops.DenseOps
// has the formulas. They come in tiles of 32, 64 and 128, chosen by the host so that the grid fills the chip; the two
// backward products are one kernel for each pair of tiles, the first for the weights. Sums run in the order of k,
// whatever the schedule and the feed.
#pragma once
#include "dense.cuh"
#include "tile.cuh"

// All of them, their tiles brought by FEED. Beside a larger tile a block has two smaller ones, or four.
#define TALWEG_FLOAT32(FEED)                     \
  using Tile32 = Tiling<FEED, 32, 16, 4, 4>;     \
  using Two32 = Tiling<FEED, 32, 16, 4, 4, 2>;   \
  using Four32 = Tiling<FEED, 32, 16, 4, 4, 4>;  \
  using Tile64 = Tiling<FEED, 64, 16, 8, 4>;     \
  using Two64 = Tiling<FEED, 64, 16, 8, 4, 2>;   \
  using Tile128 = Tiling<FEED, 128, 8, 8, 8>;    \
  TALWEG_FORWARD(32, Tile32)                     \
  TALWEG_FORWARD(64, Tile64)                     \
  TALWEG_FORWARD(128, Tile128)                   \
  TALWEG_BACKWARD(32_32, Tile32, Tile32)         \
  TALWEG_BACKWARD(64_32, Tile64, Two32)          \
  TALWEG_BACKWARD(64_64, Tile64, Tile64)         \
  TALWEG_BACKWARD(128_32, Tile128, Four32)       \
  TALWEG_BACKWARD(128_64, Tile128, Two64)        \
  TALWEG_BACKWARD(128_128, Tile128, Tile128)
