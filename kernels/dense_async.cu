// The float32 products of dense_float32.cuh, their tiles copied asynchronously. Needs compute capability 8.0.
#include "async_feed.cuh"
#include "dense_float32.cuh"

TALWEG_FLOAT32(AsyncFeed)
