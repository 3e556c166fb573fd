// Moving rows of a data set. Elements are 4 bytes of any type, copied as bits.
#include "common.cuh"

// destination row i = source row order[*cursor + i]. A warp copies a row, so that its reads are contiguous.
extern "C" __global__ void gather_rows(const uint32* source, const int* order, const int* cursor, uint32* destination,
                                       int64 rows, int64 width) {
  int64 warp = global_thread() / kWarp;
  int64 warps = global_threads() / kWarp;
  int lane = threadIdx.x % kWarp;
  const int* batch = order + *cursor;
  for (int64 row = warp; row < rows; row += warps) {
    const uint32* from = source + batch[row] * width;
    uint32* to = destination + row * width;
    for (int64 column = lane; column < width; column += kWarp) to[column] = from[column];
  }
}
