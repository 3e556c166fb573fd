// The float32 products of dense_float32.cuh for chips without asynchronous copies: tiles come through registers. Up to
// compute capability 7.5.
#include "dense_float32.cuh"
#include "register_feed.cuh"

TALWEG_FLOAT32(RegisterFeed)
