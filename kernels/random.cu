// Random fills. A thread draws one Philox block of four words, so element i depends on (seed, stream, i) alone.
#include "philox.cuh"

template <typename Values>
__device__ __forceinline__ void fill(float* output, int64 length, uint64 seed, uint64 stream, Values values) {
  for (int64 block = global_thread(); block * 4 < length; block += global_threads()) {
    float four[4];
    values(philox(seed, stream, block), four);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (block * 4 + i < length) output[block * 4 + i] = four[i];
    }
  }
}

extern "C" __global__ void fill_uniform(float* output, int64 length, uint64 seed, uint64 stream, float low,
                                        float width) {
  fill(output, length, seed, stream, [&](uint4 words, float* four) {
    four[0] = fmaf(width, uniform(words.x), low);
    four[1] = fmaf(width, uniform(words.y), low);
    four[2] = fmaf(width, uniform(words.z), low);
    four[3] = fmaf(width, uniform(words.w), low);
  });
}

// Box and Muller: each pair of words gives two independent normal numbers.
extern "C" __global__ void fill_normal(float* output, int64 length, uint64 seed, uint64 stream, float mean,
                                       float standard_deviation) {
  auto pair = [&](uint32 radius_word, uint32 angle_word, float* two) {
    float radius = sqrtf(-2.0f * logf(uniform_above_zero(radius_word)));
    float sine, cosine;
    sincospif(2.0f * uniform(angle_word), &sine, &cosine);
    two[0] = fmaf(standard_deviation, radius * cosine, mean);
    two[1] = fmaf(standard_deviation, radius * sine, mean);
  };
  fill(output, length, seed, stream, [&](uint4 words, float* four) {
    pair(words.x, words.y, four);
    pair(words.z, words.w, four + 2);
  });
}
