// The one shape of all elementwise updates: a block takes chunks, a thread four elements at a time, and a rule turns
// parameter, gradient and state into the next ones.
#pragma once

#include "step.cuh"

// What a rule may read: the step's scalars, with the multipliers of the segment at hand.
struct Step {
  const float* control;
  float rate_multiplier;
  float decay_multiplier;

  __device__ float rate() const { return with_rate(kLearningRate); }
  __device__ float momentum() const { return control[kMomentum]; }
  __device__ bool first() const { return control[kFirstStep] != 0; }
  __device__ float scalar(int i) const { return control[kRule + i]; }
  // A step scalar that has the learning rate as a factor.
  __device__ float rate_scalar(int i) const { return with_rate(kRule + i); }
  // The weight decay, which is scalar i.
  __device__ float decay(int i) const { return control[kRule + i] * decay_multiplier; }

 private:
  __device__ float with_rate(int i) const { return control[i] * rate_multiplier; }
};

struct Buffers {
  float* parameters;
  const float* gradients;
  float* states[3];
};

// One chunk with Rule, made from the step; it has kStates and operator()(float& p, float g, float* states), g clipped.
template <typename Rule>
__device__ __forceinline__ void update_chunk(const Buffers& at, const Chunk& chunk, bool vectors, const Step& step,
                                             float clip) {
  constexpr int kStates = Rule::kStates;
  Rule rule(step);
  float low = step.control[kClipLow];
  float high = step.control[kClipHigh];
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
      rule((&p.x)[j], clip * clamp((&g.x)[j], low, high), element);
#pragma unroll
      for (int k = 0; k < kStates; k++) (&s[k].x)[j] = element[k];
    }
    store4(at.parameters + chunk.start + i, p);
#pragma unroll
    for (int k = 0; k < kStates; k++) store4(at.states[k] + chunk.start + i, s[k]);
  }
  for (int i = quads_end + threadIdx.x; i < chunk.length; i += blockDim.x) {
    int64 index = chunk.start + i;
    float element[kStates + 1];
#pragma unroll
    for (int k = 0; k < kStates; k++) element[k] = at.states[k][index];
    float p = at.parameters[index];
    rule(p, clip * clamp(at.gradients[index], low, high), element);
    at.parameters[index] = p;
#pragma unroll
    for (int k = 0; k < kStates; k++) at.states[k][index] = element[k];
  }
}

template <typename Rule>
__device__ __forceinline__ void update(const Buffers& at, const float* control, const int* chunks, int64 count,
                                       const float* multipliers, const float* factors, int64 length) {
  if (control[kSkip] != 0) return;
  bool vectors = is_aligned16(at.parameters) && is_aligned16(at.gradients);
#pragma unroll
  for (int k = 0; k < Rule::kStates; k++) vectors = vectors && is_aligned16(at.states[k]);
  float clip = control[kClipFactor];
  for (int64 c = blockIdx.x; c < count; c += gridDim.x) {
    Chunk chunk = chunk_at(chunks, c, length);
    bool table = chunks != nullptr;
    Step step = {control, table ? multipliers[2 * chunk.segment] : 1.0f,
                 table ? multipliers[2 * chunk.segment + 1] : 1.0f};
    update_chunk<Rule>(at, chunk, vectors, step, table ? clip * factors[chunk.segment] : clip);
  }
}

// All update kernels take the same arguments; those for state that a rule lacks are null.
#define UPDATE_KERNEL(name, Rule)                                                                                     \
  extern "C" __global__ __launch_bounds__(256) void name(                                                             \
      float* parameters, const float* gradients, float* state0, float* state1, float* state2, const float* control,   \
      const int* chunks, int64 count, const float* multipliers, const float* factors, int64 length) {                 \
    update<Rule>({parameters, gradients, {state0, state1, state2}}, control, chunks, count, multipliers, factors,     \
                 length);                                                                                             \
  }
