// Random fills. A thread draws one Philox block of four words, so element i depends on (seed, stream, i) alone.
#include "philox.cuh"

template <typename Values>
__device__ __forceinline__ void fill(float* output, int64 length, uint64 seed, uint64 stream, Values values) {
  bool vectors = is_aligned16(output);
  for (int64 block = global_thread(); block * 4 < length; block += global_threads()) {
    float four[4];
    values(philox(seed, stream, block), four);
    if (vectors && block * 4 + 3 < length) {
      store4(output + block * 4, make_float4(four[0], four[1], four[2], four[3]));
      continue;
    }
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

// Inverted dropout with a mask that is drawn anew from (seed, layer, step, element) whenever it is needed; forward and
// backward are the same kernel. The step is read from the device, so that a captured graph draws another mask each
// time. Reads 4N and writes 4N bytes.
extern "C" __global__ void dropout(const float* x, float* output, int64 length, uint64 seed, int layer,
                                   int64 first_element, const int* steps, float rate, float scale, int accumulate) {
  uint64 stream = static_cast<uint64>(static_cast<uint32>(layer)) << 32 | static_cast<uint32>(steps[0] + steps[1]);
  // Blocks of four start at multiples of four of the batch, wherever x does.
  int64 first_block = first_element / 4;
  int before_x = static_cast<int>(first_element % 4);
  bool vectors = before_x == 0 && is_aligned16(x) && is_aligned16(output);
  for (int64 block = global_thread(); block * 4 - before_x < length; block += global_threads()) {
    uint4 words = philox(seed, stream, first_block + block);
    float factor[4] = {uniform(words.x) >= rate ? scale : 0.0f, uniform(words.y) >= rate ? scale : 0.0f,
                       uniform(words.z) >= rate ? scale : 0.0f, uniform(words.w) >= rate ? scale : 0.0f};
    int64 first = block * 4 - before_x;
    bool whole = vectors && first + 3 < length;
    float value[4];
    float before[4] = {};
    if (whole) {
      reinterpret_cast<float4*>(value)[0] = load4(x + first);
      if (accumulate) reinterpret_cast<float4*>(before)[0] = load4(output + first);
    } else {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        bool inside = first + i >= 0 && first + i < length;
        value[i] = inside ? x[first + i] : 0.0f;
        if (accumulate && inside) before[i] = output[first + i];
      }
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
      value[i] = factor[i] == 0.0f ? 0.0f : value[i] * factor[i];  // whatever a dropped value is
      if (accumulate) value[i] += before[i];
    }
    if (whole) {
      store4(output + first, make_float4(value[0], value[1], value[2], value[3]));
    } else {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        if (first + i >= 0 && first + i < length) output[first + i] = value[i];
      }
    }
  }
}
