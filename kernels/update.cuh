// The one shape of all elementwise updates: a block takes chunks, a thread four elements at a time, and a rule turns
// parameter, gradient and state into the next ones. Where products read parameters as bfloat16, 2 bytes more are written
// for each.
#pragma once

#include "bfloat16.cuh"
#include "step.cuh"

constexpr int kUpdateBlock = 256;

// What a rule may read: the step's scalars, with the multipliers of the segment at hand.
struct Step {
  const float* control;
  float rate_multiplier;
  float decay_multiplier;
  float segment_ratio;

  __device__ float rate() const { return with_rate(kLearningRate); }
  __device__ float momentum() const { return control[kMomentum]; }
  __device__ bool first() const { return control[kFirstStep] != 0; }
  __device__ float scalar(int i) const { return control[kRule + i]; }
  // A step scalar that has the learning rate as a factor.
  __device__ float rate_scalar(int i) const { return with_rate(kRule + i); }
  // What the segment's update is multiplied by.
  __device__ float ratio() const { return segment_ratio; }
  // The weight decay, which is scalar i.
  __device__ float decay(int i) const { return control[kRule + i] * decay_multiplier; }

 private:
  __device__ float with_rate(int i) const { return control[i] * rate_multiplier; }
};

struct Buffers {
  float* parameters;
  bfloat16* rounded;  // parameters, or null
  const float* gradients;
  float* states[4];
};

// What a rule does, unless it says otherwise.
struct Elementwise {
  // Whether it changes the parameters, and which states, a bit for each: the first of two phases leaves the former, either
  // some of the latter.
  static constexpr bool kMoves = true;
  static constexpr unsigned kLearns = ~0u;
  // Whether what it reads as gradients are some, to be clipped.
  static constexpr bool kClips = true;
  // Whether it adds up two sums, `first` and `second`.
  static constexpr bool kMeasures = false;
};

// One chunk with Rule, made from the step; it has kStates and operator()(float& p, float g, float* states), g clipped.
template <typename Rule>
__device__ __forceinline__ void update_chunk(Rule& rule, const Buffers& at, const Chunk& chunk, bool vectors,
                                             float low, float high, float clip) {
  constexpr int kStates = Rule::kStates;
  int quads_end = vectors ? chunk.length / 4 * 4 : 0;
  for (int i = threadIdx.x * 4; i < quads_end; i += blockDim.x * 4) {
    float4 p = load4(at.parameters + chunk.start + i);
    float4 g = load4(at.gradients + chunk.start + i);
    float4 s[kStates + 1];
#pragma unroll
    for (int k = 0; k < kStates; k++) s[k] = load4(at.states[k] + chunk.start + i);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      float element[kStates + 1];
#pragma unroll
      for (int k = 0; k < kStates; k++) element[k] = (&s[k].x)[j];
      float gradient = (&g.x)[j];
      rule((&p.x)[j], Rule::kClips ? clip * clamp(gradient, low, high) : gradient, element);
#pragma unroll
      for (int k = 0; k < kStates; k++) (&s[k].x)[j] = element[k];
    }
    if (Rule::kMoves) {
      store4(at.parameters + chunk.start + i, p);
      if (at.rounded) store4(at.rounded + chunk.start + i, p);
    }
#pragma unroll
    for (int k = 0; k < kStates; k++) {
      if (Rule::kLearns >> k & 1) store4(at.states[k] + chunk.start + i, s[k]);
    }
  }
  for (int i = quads_end + threadIdx.x; i < chunk.length; i += blockDim.x) {
    int64 index = chunk.start + i;
    float element[kStates + 1];
#pragma unroll
    for (int k = 0; k < kStates; k++) element[k] = at.states[k][index];
    float p = at.parameters[index];
    float gradient = at.gradients[index];
    rule(p, Rule::kClips ? clip * clamp(gradient, low, high) : gradient, element);
    if (Rule::kMoves) {
      at.parameters[index] = p;
      if (at.rounded) at.rounded[index] = static_cast<bfloat16>(bfloat16_bits(p));
    }
#pragma unroll
    for (int k = 0; k < kStates; k++) {
      if (Rule::kLearns >> k & 1) at.states[k][index] = element[k];
    }
  }
}

template <typename Rule>
__device__ __forceinline__ void update(const Buffers& at, const float* control, const int* chunks, int64 count,
                                       const float* multipliers, const float* factors, const float* ratios,
                                       float* partials, int64 length) {
  if (control[kSkip] != 0) return;
  bool vectors = is_aligned16(at.parameters) && is_aligned16(at.gradients);
#pragma unroll
  for (int k = 0; k < Rule::kStates; k++) vectors = vectors && is_aligned16(at.states[k]);
  float clip = control[kClipFactor];
  for (int64 c = blockIdx.x; c < count; c += gridDim.x) {
    Chunk chunk = chunk_at(chunks, c, length);
    Step step = {control, 1, 1, 1};
    float factor = clip;
    if (chunks) {
      step.rate_multiplier = multipliers[2 * chunk.segment];
      step.decay_multiplier = multipliers[2 * chunk.segment + 1];
      step.segment_ratio = ratios[chunk.segment];
      factor = clip * factors[chunk.segment];
    }
    Rule rule(step);
    update_chunk(rule, at, chunk, vectors, control[kClipLow], control[kClipHigh], factor);
    if constexpr (Rule::kMeasures) {
      __shared__ double scratch[kUpdateBlock / kWarp];
      double first = block_sum<kUpdateBlock>(rule.first, scratch);
      double second = block_sum<kUpdateBlock>(rule.second, scratch);
      if (threadIdx.x == 0) {
        partials[2 * c] = static_cast<float>(first);
        partials[2 * c + 1] = static_cast<float>(second);
      }
    }
  }
}

// Four blocks on a multiprocessor keep memory busy, and the registers that leaves spare every rule from spilling.
// All update kernels take the same arguments; those that a rule does not need are null.
#define UPDATE_KERNEL(name, Rule)                                                                                     \
  extern "C" __global__ __launch_bounds__(kUpdateBlock, 4) void name(                                                 \
      float* parameters, bfloat16* rounded, const float* gradients, float* state0, float* state1, float* state2,      \
      float* state3, const float* control, const int* chunks, int64 count, const float* multipliers,                  \
      const float* factors, const float* ratios, float* partials, int64 length) {                                     \
    update<Rule>({parameters, rounded, gradients, {state0, state1, state2, state3}}, control, chunks, count,          \
                 multipliers, factors, ratios, partials, length);                                                     \
  }
