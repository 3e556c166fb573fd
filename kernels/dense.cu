// The three matrix products of a dense layer in float32, each with everything around it fused in; org.talweg.ops.DenseOps
// has the formulas. They come in tiles of 32, 64 and 128, chosen by the host so that the grid fills the chip; the two
// backward products are one kernel for each pair of tiles, the first for the weights. Sums run in the order of k,
// whatever the schedule.
#include "dense.cuh"
#include "tile.cuh"

template <int TEAMS>
using Tiles32 = Tiling<32, 16, 4, 4, TEAMS>;
template <int TEAMS>
using Tiles64 = Tiling<64, 16, 8, 4, TEAMS>;
using Tile128 = Tiling<128, 8, 8, 8>;

TALWEG_FORWARD(32, Tiles32<1>)
TALWEG_FORWARD(64, Tiles64<1>)
TALWEG_FORWARD(128, Tile128)
TALWEG_BACKWARD(32_32, Tiles32<1>, Tiles32<1>)
TALWEG_BACKWARD(64_32, Tiles64<1>, Tiles32<2>)
TALWEG_BACKWARD(64_64, Tiles64<1>, Tiles64<1>)
TALWEG_BACKWARD(128_32, Tile128, Tiles32<4>)
TALWEG_BACKWARD(128_64, Tile128, Tiles64<2>)
TALWEG_BACKWARD(128_128, Tile128, Tile128)
