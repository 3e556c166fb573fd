// From gradients to new parameters: the norm where no epilogue gave it, the step's scalars, and the optimizers. The
// updates round exactly as org.talweg.ops.UpdateOps writes them: this file is compiled without contraction, and every
// fused multiply-add is spelled out.
#include "common.cuh"

constexpr int kReduceBlock = 256;
constexpr int kPrepareBlock = 1024;
constexpr double kClipEpsilon = 1e-6;

// Layout of org.talweg.ops.StepState.
enum Counter { kIteration, kStep, kSkipped, kCursor };
enum Control { kLearningRate, kStepSize, kSqrtBiasCorrection2, kClipFactor, kSkip, kFirstStep };
enum Log { kLogLoss, kLogHits, kLogGradientNorm, kLogSkipped, kLogColumns };

// Block b sums the squares of its own contiguous part. Reads 4N bytes.
extern "C" __global__ __launch_bounds__(kReduceBlock) void sum_of_squares(const float* x, int64 length, int64 part,
                                                                          float* partials) {
  __shared__ float scratch[kReduceBlock / kWarp];
  int64 begin = blockIdx.x * part;
  int64 end = begin + part < length ? begin + part : length;
  bool vectors = is_aligned16(x) && part % 4 == 0;
  int64 quads_end = vectors ? begin + (end - begin) / 4 * 4 : begin;
  float sum = 0;
  for (int64 i = begin + threadIdx.x * 4; i < quads_end; i += kReduceBlock * 4) {
    float4 v = load4(x + i);
    sum = fmaf(v.x, v.x, sum);
    sum = fmaf(v.y, v.y, sum);
    sum = fmaf(v.z, v.z, sum);
    sum = fmaf(v.w, v.w, sum);
  }
  for (int64 i = quads_end + threadIdx.x; i < end; i += kReduceBlock) sum = fmaf(x[i], x[i], sum);
  sum = block_sum<kReduceBlock>(sum, scratch);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

__device__ double sum_all(const float* values, int64 length, double* scratch) {
  double sum = 0;
  for (int64 i = threadIdx.x; i < length; i += kPrepareBlock) sum += values[i];
  return block_sum<kPrepareBlock>(sum, scratch);
}

// base^exponent by repeated squaring from the lowest bit, so that host and device round alike.
__device__ double power(double base, int exponent) {
  double result = 1;
  double square = base;
  for (int rest = exponent; rest > 0; rest >>= 1) {
    if (rest & 1) result *= square;
    square *= square;
  }
  return result;
}

// One block: finishes the reductions of a step and writes what the update reads; UpdateOps.prepareStep has the
// formulas. It also moves counter and cursor on, so nothing that runs before it in the step may need the next batch.
extern "C" __global__ __launch_bounds__(kPrepareBlock) void prepare_step(
    int* counters, float* control, const float* learning_rates, float* log, const float* row_losses,
    const float* row_hits, int batch, const float* square_partials, int64 partials, float max_norm, float beta1,
    float beta2) {
  __shared__ double scratch[kPrepareBlock / kWarp];
  double norm = sqrt(sum_all(square_partials, partials, scratch));
  double loss = sum_all(row_losses, batch, scratch) / batch;
  double hits = row_hits ? sum_all(row_hits, batch, scratch) / batch : kNaN;
  if (threadIdx.x != 0) return;

  int iteration = counters[kIteration];
  bool finite = isfinite(norm);
  if (finite) {
    int step = ++counters[kStep];
    double rate = learning_rates[iteration];
    double clip = max_norm / (norm + kClipEpsilon);
    control[kLearningRate] = static_cast<float>(rate);
    control[kStepSize] = static_cast<float>(rate / (1 - power(beta1, step)));
    control[kSqrtBiasCorrection2] = static_cast<float>(sqrt(1 - power(beta2, step)));
    control[kClipFactor] = static_cast<float>(clip < 1 ? clip : 1.0);
    control[kFirstStep] = step == 1 ? 1.0f : 0.0f;
  } else {
    counters[kSkipped]++;
  }
  control[kSkip] = finite ? 0.0f : 1.0f;

  float* row = log + static_cast<int64>(iteration) * kLogColumns;
  row[kLogLoss] = static_cast<float>(loss);
  row[kLogHits] = static_cast<float>(hits);
  row[kLogGradientNorm] = static_cast<float>(norm);
  row[kLogSkipped] = finite ? 0.0f : 1.0f;
  counters[kIteration] = iteration + 1;
  counters[kCursor] += batch;
}

// SGD without momentum: 8 bytes read and 4 written per parameter.
extern "C" __global__ void sgd(float* parameters, const float* gradients, const float* control, float weight_decay,
                               int64 length) {
  if (control[kSkip] != 0) return;
  float rate = control[kLearningRate];
  float clip = control[kClipFactor];
  auto update = [=](float p, float g) { return fmaf(-rate, fmaf(weight_decay, p, clip * g), p); };
  for_each_element(
      length, is_aligned16(parameters) && is_aligned16(gradients),
      [&](int64 i) {
        float4 p = load4(parameters + i);
        float4 g = load4(gradients + i);
        store4(parameters + i, make_float4(update(p.x, g.x), update(p.y, g.y), update(p.z, g.z), update(p.w, g.w)));
      },
      [&](int64 i) { parameters[i] = update(parameters[i], gradients[i]); });
}

// SGD with momentum, plain or Nesterov's: 12 bytes read and 8 written per parameter.
extern "C" __global__ void sgd_momentum(float* parameters, const float* gradients, float* momentum_buffer,
                                        const float* control, float momentum, float undamped, int nesterov,
                                        float weight_decay, int64 length) {
  if (control[kSkip] != 0) return;
  float rate = control[kLearningRate];
  float clip = control[kClipFactor];
  bool first = control[kFirstStep] != 0;
  auto update = [=](float& p, float gradient, float& b) {
    float g = fmaf(weight_decay, p, clip * gradient);
    b = first ? g : fmaf(momentum, b, undamped * g);
    float direction = nesterov ? fmaf(momentum, b, g) : b;
    p = fmaf(-rate, direction, p);
  };
  for_each_element(
      length, is_aligned16(parameters) && is_aligned16(gradients) && is_aligned16(momentum_buffer),
      [&](int64 i) {
        float4 p = load4(parameters + i);
        float4 g = load4(gradients + i);
        float4 b = load4(momentum_buffer + i);
        update(p.x, g.x, b.x);
        update(p.y, g.y, b.y);
        update(p.z, g.z, b.z);
        update(p.w, g.w, b.w);
        store4(parameters + i, p);
        store4(momentum_buffer + i, b);
      },
      [&](int64 i) { update(parameters[i], gradients[i], momentum_buffer[i]); });
}

// Adam, and AdamW where `decoupled`: 16 bytes read and 12 written per parameter.
extern "C" __global__ void adam(float* parameters, const float* gradients, float* first_moment, float* second_moment,
                                const float* control, float beta1, float one_minus_beta1, float beta2,
                                float one_minus_beta2, float epsilon, float weight_decay, int decoupled,
                                int64 length) {
  if (control[kSkip] != 0) return;
  float step_size = control[kStepSize];
  float sqrt_bias_correction2 = control[kSqrtBiasCorrection2];
  float clip = control[kClipFactor];
  float shrink = 1.0f - control[kLearningRate] * weight_decay;
  auto update = [=](float& p, float gradient, float& m, float& v) {
    float g = clip * gradient;
    if (decoupled) p = p * shrink;
    else g = fmaf(weight_decay, p, g);
    m = fmaf(beta1, m, one_minus_beta1 * g);
    v = fmaf(beta2, v, one_minus_beta2 * g * g);
    float denominator = sqrtf(v) / sqrt_bias_correction2 + epsilon;
    p = fmaf(-step_size, m / denominator, p);
  };
  for_each_element(
      length,
      is_aligned16(parameters) && is_aligned16(gradients) && is_aligned16(first_moment) && is_aligned16(second_moment),
      [&](int64 i) {
        float4 p = load4(parameters + i);
        float4 g = load4(gradients + i);
        float4 m = load4(first_moment + i);
        float4 v = load4(second_moment + i);
        update(p.x, g.x, m.x, v.x);
        update(p.y, g.y, m.y, v.y);
        update(p.z, g.z, m.z, v.z);
        update(p.w, g.w, m.w, v.w);
        store4(parameters + i, p);
        store4(first_moment + i, m);
        store4(second_moment + i, v);
      },
      [&](int64 i) { update(parameters[i], gradients[i], first_moment[i], second_moment[i]); });
}
