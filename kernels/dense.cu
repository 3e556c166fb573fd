// The three matrix products of a dense layer in float32, each with everything around it fused in; org.talweg.ops.DenseOps
// has the formulas. Every kernel comes in three tilings, chosen by the host so that the grid fills the chip: tiles of
// 32, 64 and 128. Sums run in the order of k, whatever the schedule.
#include "dense.cuh"
#include "tile.cuh"

TALWEG_DENSE(32, Tiling<32, 4>)
TALWEG_DENSE(64, Tiling<64, 4>)
TALWEG_DENSE(128, Tiling<128, 8>)
