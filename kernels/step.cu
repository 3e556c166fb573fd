// Between the backward pass and the update: gradient norms where no epilogue gave them, clipping that cannot be folded
// into the update, and the scalars of the step. org.talweg.ops.UpdateOps has the formulas.
#include "step.cuh"

constexpr int kReduceBlock = 256;
constexpr int kPrepareBlock = 1024;
constexpr double kClipEpsilon = 1e-6;

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

// Block b multiplies its own contiguous part of two vectors. Reads 8N bytes.
extern "C" __global__ __launch_bounds__(kReduceBlock) void dot(const float* x, const float* y, int64 length, int64 part,
                                                               float* partials) {
  __shared__ double scratch[kReduceBlock / kWarp];
  int64 begin = blockIdx.x * part;
  int64 end = begin + part < length ? begin + part : length;
  double sum = 0;
  for (int64 i = begin + threadIdx.x; i < end; i += kReduceBlock) sum += static_cast<double>(x[i]) * y[i];
  sum = block_sum<kReduceBlock>(sum, scratch);
  if (threadIdx.x == 0) partials[blockIdx.x] = static_cast<float>(sum);
}

// Largest value of a block, the same in every thread; none may be NaN.
template <int THREADS>
__device__ float block_max(float value, float* scratch) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kFullMask, value, offset));
  }
  if (threadIdx.x % kWarp == 0) scratch[threadIdx.x / kWarp] = value;
  __syncthreads();
  float largest = scratch[0];
#pragma unroll
  for (int i = 1; i < THREADS / kWarp; i++) largest = fmaxf(largest, scratch[i]);
  __syncthreads();
  return largest;
}

// The power sum, or the maximum, of each chunk's clamped gradients; NaN where one of them is not finite. Reads 4N bytes.
extern "C" __global__ __launch_bounds__(kReduceBlock) void gradient_norms(const float* gradients, const int* chunks,
                                                                          int64 count, float low, float high,
                                                                          float order, float* partials) {
  __shared__ float scratch[kReduceBlock / kWarp];
  for (int64 c = blockIdx.x; c < count; c += gridDim.x) {
    Chunk chunk = chunk_at(chunks, c, 0);
    float result = 0;
    bool finite = true;
    for (int i = threadIdx.x; i < chunk.length; i += kReduceBlock) {
      float g = gradients[chunk.start + i];
      float size = fabsf(clamp(g, low, high));
      finite = finite && isfinite(g);
      if (order == 2) result = fmaf(size, size, result);
      else if (order == 1) result += size;
      else if (isinf(order)) result = fmaxf(result, size);
      else result += powf(size, order);
    }
    result = isinf(order) ? block_max<kReduceBlock>(finite ? result : 0, scratch)
                          : block_sum<kReduceBlock>(result, scratch);
    if (__syncthreads_or(!finite)) result = kNaN;
    if (threadIdx.x == 0) partials[c] = result;
  }
}

__device__ double finish_norm(double sum, double largest, float order) {
  if (order == 2) return sqrt(sum);
  if (order == 1) return sum;
  if (isinf(order)) return isfinite(sum) ? largest : static_cast<double>(kNaN);
  return pow(sum, 1 / static_cast<double>(order));
}

__device__ float clip_factor(double norm, float max_norm) {
  double factor = max_norm / (norm + kClipEpsilon);
  return factor < 1 ? static_cast<float>(factor) : factor >= 1 ? 1.0f : kNaN;
}

// Clipping parameter by parameter: a warp finishes the norm of one segment.
extern "C" __global__ void segment_factors(const float* partials, const int* spans, int segments, float order,
                                           float max_norm, float* factors) {
  int64 segment = global_thread() / kWarp;
  if (segment >= segments) return;
  Span span = span_at(spans, static_cast<int>(segment));
  double sum = 0;
  double largest = 0;
  for (int i = threadIdx.x % kWarp; i < span.chunks; i += kWarp) {
    double part = partials[span.first_chunk + i];
    sum += part;
    largest = part > largest ? part : largest;
  }
  sum = warp_sum(sum);
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    double other = __shfl_xor_sync(kFullMask, largest, offset);
    largest = other > largest ? other : largest;
  }
  if (threadIdx.x % kWarp != 0) return;
  factors[segment] = span.chunks == 0 ? 1.0f : clip_factor(finish_norm(sum, largest, order), max_norm);
}

// Adaptive clipping: a block takes a unit, a row of a matrix, and shortens its gradient where that is too long for
// the unit's parameters. Reads 8N bytes, and writes 4 for each element of a unit that is clipped.
extern "C" __global__ __launch_bounds__(kReduceBlock) void adaptive_clip(const float* parameters, float* gradients,
                                                                         const int* spans, int segments, int units,
                                                                         float clipping, float epsilon) {
  __shared__ double scratch[kReduceBlock / kWarp];
  for (int unit = blockIdx.x; unit < units; unit += gridDim.x) {
    // The last segment that begins at this unit or before it; a frozen one begins where the next does.
    int segment = 0;
    for (int above = segments; above - segment > 1;) {
      int middle = (segment + above) / 2;
      if (spans[middle * 6 + 4] <= unit) segment = middle;
      else above = middle;
    }
    Span span = span_at(spans, segment);
    int64 start = span.start + static_cast<int64>(unit - span.first_unit) * span.unit_length;
    double squares = 0;
    double parameter_squares = 0;
    for (int i = threadIdx.x; i < span.unit_length; i += kReduceBlock) {
      double g = gradients[start + i];
      double p = parameters[start + i];
      squares += g * g;
      parameter_squares += p * p;
    }
    double norm = sqrt(block_sum<kReduceBlock>(squares, scratch));
    double parameter_norm = sqrt(block_sum<kReduceBlock>(parameter_squares, scratch));
    double limit = clipping * (parameter_norm > epsilon ? parameter_norm : epsilon);
    if (norm > limit) {
      float factor = static_cast<float>(limit / (norm > 1e-6 ? norm : 1e-6));
      for (int i = threadIdx.x; i < span.unit_length; i += kReduceBlock) gradients[start + i] *= factor;
    }
  }
}

__device__ double sum_all(const float* values, int64 length, double* scratch) {
  double sum = 0;
  for (int64 i = threadIdx.x; i < length; i += kPrepareBlock) sum += values[i];
  return block_sum<kPrepareBlock>(sum, scratch);
}

__device__ float largest_of(const float* values, int64 length, float* scratch) {
  float largest = 0;
  for (int64 i = threadIdx.x; i < length; i += kPrepareBlock) largest = fmaxf(largest, values[i]);
  return block_max<kPrepareBlock>(largest, scratch);
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

// What org.talweg.ops.UpdateRule calls scalars: numbers, settings and results are in its order.
enum Rule {
  kSgd, kAdam, kAdagrad, kRmsProp, kAdadelta, kAdamax, kNAdam, kRAdam, kLion, kScheduleFree, kLamb, kProdigy, kMuon
};

struct Scalars {
  double rate;
  double momentum;
  int* memory;  // touched by the rules that keep something there, and no others
  double results[kRuleScalars];

  __device__ void set(int i, double value) { results[i] = value; }

  __device__ void compute(int rule, int step, const double* s) {
    switch (rule) {
      case kSgd:
        set(0, 1 - s[0]);
        set(1, s[1]);
        set(2, s[2]);
        break;
      case kAdam:
        adam(step, rate, momentum, s[0], s[1], s[2], s[3]);
        adam_forms(1 - power(s[0], step), s[4], s[5] != 0);
        break;
      case kAdagrad:
        set(0, rate / (1 + (step - 1) * s[0]));
        set(1, s[1]);
        set(2, s[2]);
        set(3, s[3]);
        break;
      case kRmsProp:
        set(0, s[0]);
        set(1, 1 - s[0]);
        set(2, s[1]);
        set(3, s[2]);
        set(4, s[3]);
        set(5, s[4]);
        set(6, s[5] != 0 ? 1 / (1 - power(s[0], step)) : 1);
        break;
      case kAdadelta:
        set(0, s[0]);
        set(1, 1 - s[0]);
        set(2, s[1]);
        set(3, s[2]);
        break;
      case kAdamax:
        set(0, rate / (1 - power(momentum, step)));
        set(1, 1 - momentum);
        set(2, s[0]);
        set(3, s[1]);
        set(4, s[2]);
        break;
      case kNAdam:
        nadam(step, s);
        break;
      case kRAdam:
        radam(step, s);
        break;
      case kLion:
        set(0, 1 - momentum);
        set(1, s[0]);
        set(2, 1 - s[0]);
        set(3, s[1]);
        break;
      case kScheduleFree:
        schedule_free(step, s);
        break;
      case kLamb:
        adam(step, 1, momentum, s[0], s[1], s[2], 0);
        break;
      case kProdigy:
        prodigy(step, s);
        break;
      case kMuon:
        adam(step, rate * s[4], s[3], s[0], s[1], s[2] * s[4], 1);
        set(11, s[7] != 0 ? momentum / (1 - power(momentum, step + 1)) : momentum);
        set(12, s[7] != 0 ? (1 - momentum) / (1 - power(momentum, step)) : 1 - momentum);
        set(13, s[5]);
        break;
    }
  }

  __device__ void adam(int step, double size, double beta1, double beta2, double epsilon, double decay,
                       double decoupled) {
    set(0, size / (1 - power(beta1, step)));
    set(1, sqrt(1 - power(beta2, step)));
    set(2, 1 - beta1);
    set(3, beta2);
    set(4, 1 - beta2);
    set(5, epsilon);
    set(6, decay);
    set(7, decoupled);
    set(8, beta1);
  }

  __device__ void adam_forms(double correction, double root_epsilon, bool corrected_maximum) {
    if (corrected_maximum) set(1, 1);
    set(9, corrected_maximum ? root_epsilon : root_epsilon * correction);
    set(10, corrected_maximum ? 1 / correction : 1);
  }

  __device__ void prodigy(int step, const double* s) {
    double d = step == 1 ? s[3] : load_double(memory, 0);
    double size = d * rate * (sqrt(1 - power(s[0], step)) / (1 - power(momentum, step)));
    store_double(memory, 0, d);
    store_double(memory, 2, size);
    set(0, size);
    set(1, d);
    set(2, 1 - momentum);
    set(3, s[0]);
    set(4, 1 - s[0]);
    set(5, sqrt(s[0]));
    set(6, size / s[3]);
    set(7, s[2]);
  }

  __device__ void nadam(int step, const double* s) {
    double now = momentum * (1 - 0.5 * power(s[4], step));
    double next = momentum * (1 - 0.5 * power(s[4], step + 1));
    double product = (step == 1 ? 1 : load_double(memory, 0)) * now;
    store_double(memory, 0, product);
    set(0, rate * (1 - now) / (1 - product));
    set(1, rate * next / (1 - product * next));
    set(2, sqrt(1 - power(s[0], step)));
    set(3, 1 - momentum);
    set(4, s[0]);
    set(5, 1 - s[0]);
    set(6, s[1]);
    set(7, s[2]);
    set(8, s[3]);
  }

  __device__ void radam(int step, const double* s) {
    double power2 = power(s[0], step);
    double limit = 2 / (1 - s[0]) - 1;
    double rho = limit - 2 * static_cast<double>(step) * power2 / (1 - power2);
    bool rectified = rho > 5;
    double factor = 1;
    if (rectified) {
      factor = sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)) * sqrt(1 - power2);
    }
    set(0, rate / (1 - power(momentum, step)) * factor);
    set(1, rectified ? 1 : 0);
    set(2, 1 - momentum);
    set(3, s[0]);
    set(4, 1 - s[0]);
    set(5, s[4] != 0 ? s[1] * sqrt(1 - power2) : s[1]);
    set(6, s[2]);
    set(7, s[3]);
  }

  __device__ void schedule_free(int step, const double* s) {
    double before = load_double(memory, 1);
    double largest = before > rate ? before : rate;
    double weight = largest * largest;
    double sum = load_double(memory, 0) + weight;
    store_double(memory, 0, sum);
    store_double(memory, 1, largest);
    double share = weight == 0 ? 0 : weight / sum;
    set(0, share);
    set(1, rate * (momentum * (1 - share) - 1));
    set(2, rate * momentum);
    set(3, 1 - share);
    set(4, sqrt(1 - power(s[0], step)));
    set(5, s[0]);
    set(6, 1 - s[0]);
    set(7, s[1]);
    set(8, s[2]);
  }
};

// One block: finishes the reductions of a step and writes what the update reads; UpdateOps.prepareStep has the
// formulas. It also moves counter and cursor on, so nothing that runs before it in the step may need the next batch.
extern "C" __global__ __launch_bounds__(kPrepareBlock) void prepare_step(
    int* counters, float* control, int* memory, const float* schedule, float* log, const float* row_losses,
    const float* row_hits, int batch, const float* partials, int64 partial_count, float low, float high, float order,
    float max_norm, int negated, int rule, double s0, double s1, double s2, double s3, double s4, double s5, double s6,
    double s7) {
  __shared__ double scratch[kPrepareBlock / kWarp];
  __shared__ float float_scratch[kPrepareBlock / kWarp];
  double sum = sum_all(partials, partial_count, scratch);
  double largest = isinf(order) ? largest_of(partials, partial_count, float_scratch) : 0;
  double loss = sum_all(row_losses, batch, scratch) / batch;
  double hits = row_hits ? sum_all(row_hits, batch, scratch) / batch : kNaN;
  if (threadIdx.x != 0) return;

  double norm = finish_norm(sum, largest, order);
  int iteration = counters[kIteration];
  bool finite = isfinite(norm);
  if (finite) {
    int step = ++counters[kStep];
    Scalars scalars = {schedule[2 * static_cast<int64>(iteration)], schedule[2 * static_cast<int64>(iteration) + 1],
                       memory};
    control[kLearningRate] = static_cast<float>(scalars.rate);
    control[kMomentum] = static_cast<float>(scalars.momentum);
    float factor = clip_factor(norm, max_norm);
    control[kClipFactor] = negated ? -factor : factor;
    control[kClipLow] = low;
    control[kClipHigh] = high;
    control[kFirstStep] = step == 1 ? 1.0f : 0.0f;
    double settings[] = {s0, s1, s2, s3, s4, s5, s6, s7};
    scalars.compute(rule, step, settings);
    for (int i = 0; i < kRuleScalars; i++) control[kRule + i] = static_cast<float>(scalars.results[i]);
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
