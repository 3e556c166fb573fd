// Moving data: rows of a data set, 4 bytes of any type copied as bits; points of a plane in parameter space; parameters
// as bfloat16.
#include "bfloat16.cuh"

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

// result = centre + a first + b second, for a loss landscape; without `second`, which is null then, a line. Reads 12N
// bytes and writes 4N, so that a perturbed model costs one launch and no copy.
extern "C" __global__ void combine(const float* centre, float a, const float* first, float b, const float* second,
                                   float* result, int64 length) {
  auto point = [&](float x, float u, float v) {
    float sum = fmaf(a, u, x);
    return second ? fmaf(b, v, sum) : sum;
  };
  const float* other = second ? second : first;
  for_each_element(
      length, is_aligned16(centre) && is_aligned16(first) && is_aligned16(other) && is_aligned16(result),
      [&](int64 i) {
        float4 x = load4(centre + i);
        float4 u = load4(first + i);
        float4 v = second ? load4(second + i) : u;
        store4(result + i, make_float4(point(x.x, u.x, v.x), point(x.y, u.y, v.y), point(x.z, u.z, v.z),
                                       point(x.w, u.w, v.w)));
      },
      [&](int64 i) { result[i] = point(centre[i], first[i], other[i]); });
}

// Reads 4N bytes and writes 2N.
extern "C" __global__ void to_bfloat16(const float* source, bfloat16* result, int64 length) {
  for_each_element(
      length, is_aligned16(source), [&](int64 i) { store4(result + i, load4(source + i)); },
      [&](int64 i) { result[i] = static_cast<bfloat16>(bfloat16_bits(source[i])); });
}
