// Updates of two phases: the first brings moments up to date and measures, one small kernel settles what the measures
// say, and the second moves the parameters. org.talweg.ops.MeasuredRule has the formulas.
#include "update.cuh"

struct Measure : Elementwise {
  static constexpr bool kMoves = false;
  static constexpr bool kMeasures = true;
  double first = 0;
  double second = 0;
};

struct LambDirection {
  float correction, root, epsilon, decay;
  __device__ explicit LambDirection(const Step& step)
      : correction(step.scalar(0)), root(step.scalar(1)), epsilon(step.scalar(5)), decay(step.decay(6)) {}
  __device__ float operator()(float p, const float* s) const {
    return fmaf(decay, p, s[0] * correction / (sqrtf(s[1]) / root + epsilon));
  }
};

// 16 bytes read and 8 written per parameter.
struct LambMeasure : Measure {
  static constexpr int kStates = 2;
  LambDirection direction;
  float beta1, rest1, beta2, rest2;
  __device__ explicit LambMeasure(const Step& step)
      : direction(step), beta1(step.momentum()), rest1(step.scalar(2)), beta2(step.scalar(3)), rest2(step.scalar(4)) {}
  __device__ void operator()(float& p, float g, float* s) {
    s[0] = fmaf(beta1, s[0], rest1 * g);
    s[1] = fmaf(beta2, s[1], rest2 * g * g);
    double u = direction(p, s);
    first += static_cast<double>(p) * p;
    second += u * u;
  }
};

// 12 bytes read, because the gradient is not used, and 4 written per parameter.
struct Lamb : Elementwise {
  static constexpr unsigned kLearns = 0;
  static constexpr int kStates = 2;
  LambDirection direction;
  float size;
  __device__ explicit Lamb(const Step& step) : direction(step), size(step.rate() * step.ratio()) {}
  __device__ void operator()(float& p, float, float* s) const { p = fmaf(-size, direction(p, s), p); }
};

// 20 bytes read, because the parameter is not used, and 12 written per parameter.
struct ProdigyMeasure : Measure {
  static constexpr unsigned kLearns = 0b0111;
  static constexpr int kStates = 4;
  float d, beta1, rest1, beta2, rest2, beta3, weight;
  __device__ explicit ProdigyMeasure(const Step& step)
      : d(step.scalar(1)), beta1(step.momentum()), rest1(step.scalar(2)), beta2(step.scalar(3)), rest2(step.scalar(4)),
        beta3(step.scalar(5)), weight(step.rate_scalar(6)) {}
  __device__ void operator()(float&, float g, float* s) {
    float h = d * g;
    s[0] = fmaf(beta1, s[0], rest1 * h);
    s[1] = fmaf(beta2, s[1], rest2 * h * h);
    s[2] = fmaf(beta3, s[2], weight * h);
    first += static_cast<double>(g) * s[3];
    second += fabs(static_cast<double>(s[2]));
  }
};

// 16 bytes read and 8 written per parameter: of the states, one is not used, and only how far it has come changes.
struct Prodigy : Elementwise {
  static constexpr unsigned kLearns = 0b1000;
  static constexpr int kStates = 4;
  float size, decay, epsilon;
  __device__ explicit Prodigy(const Step& step)
      : size(step.rate_scalar(0)), decay(step.decay(7)), epsilon(step.scalar(8)) {}
  __device__ void operator()(float& p, float, float* s) const {
    float x = size * fmaf(decay, p, s[0] / (sqrtf(s[1]) + epsilon));
    p = p - x;
    s[3] = s[3] + x;
  }
};

// 8 bytes read and 8 written per parameter; the second state is only written.
struct MuonMeasure : Measure {
  static constexpr int kStates = 2;
  float momentum, rest, momentum_weight, gradient_weight;
  bool nesterov;
  __device__ MuonMeasure(const Step& step, bool nesterov)
      : momentum(step.momentum()), rest(1.0f - step.momentum()), momentum_weight(step.scalar(11)),
        gradient_weight(step.scalar(12)), nesterov(nesterov) {}
  __device__ void operator()(float&, float g, float* s) {
    s[0] = fmaf(momentum, s[0], rest * g);
    s[1] = nesterov ? fmaf(momentum_weight, s[0], gradient_weight * g) : s[0];
    first += static_cast<double>(s[1]) * s[1];
  }
};

struct MuonPlain : MuonMeasure {
  __device__ explicit MuonPlain(const Step& step) : MuonMeasure(step, false) {}
};

struct MuonNesterov : MuonMeasure {
  __device__ explicit MuonNesterov(const Step& step) : MuonMeasure(step, true) {}
};

// The "gradient" is the orthogonal matrix: 8 bytes read and 4 written per parameter.
struct Muon : Elementwise {
  static constexpr bool kClips = false;
  static constexpr int kStates = 0;
  float rate, keep;
  __device__ explicit Muon(const Step& step) : rate(step.rate()), keep(1.0f - rate * step.decay(13)) {}
  __device__ void operator()(float& p, float x, float*) const { p = fmaf(-rate, x, p * keep); }
};

UPDATE_KERNEL(lamb_measure, LambMeasure)
UPDATE_KERNEL(lamb, Lamb)
UPDATE_KERNEL(prodigy_measure, ProdigyMeasure)
UPDATE_KERNEL(prodigy, Prodigy)
UPDATE_KERNEL(muon_measure, MuonPlain)
UPDATE_KERNEL(muon_nesterov_measure, MuonNesterov)
UPDATE_KERNEL(muon, Muon)

// The two sums of chunk i.
__device__ __forceinline__ float2 sums_of(const float* partials, int64 i) {
  if ((reinterpret_cast<uint64>(partials) & 7) == 0) return reinterpret_cast<const float2*>(partials)[i];
  return make_float2(partials[2 * i], partials[2 * i + 1]);
}

// A warp settles a segment: LAMB's trust ratio, or the inverse norm of Muon's direction where there is an epsilon.
extern "C" __global__ void settle_ratios(const float* partials, const int* spans, int segments, const float* control,
                                         int muon, double epsilon, float* ratios) {
  int64 segment = global_thread() / kWarp;
  if (segment >= segments || control[kSkip] != 0) return;
  Span span = span_at(spans, static_cast<int>(segment));
  double first = 0;
  double second = 0;
  for (int i = threadIdx.x % kWarp; i < span.chunks; i += kWarp) {
    float2 sums = sums_of(partials, span.first_chunk + static_cast<int64>(i));
    first += sums.x;
    second += sums.y;
  }
  first = warp_sum(first);
  second = warp_sum(second);
  if (threadIdx.x % kWarp != 0 || span.chunks == 0) return;
  double ratio = 1;
  if (muon) ratio = 1 / (sqrt(first) > epsilon ? sqrt(first) : epsilon);
  else if (first > 0 && second > 0) ratio = sqrt(first) / sqrt(second);
  ratios[segment] = static_cast<float>(ratio);
}

// One block settles Prodigy's step size.
extern "C" __global__ __launch_bounds__(1024) void settle_prodigy(const float* partials, int64 count, float* control,
                                                                  int* memory, double beta2, double epsilon,
                                                                  double initial, double coefficient) {
  __shared__ double scratch[1024 / kWarp];
  double product = 0;
  double sum = 0;
  for (int64 i = threadIdx.x; i < count; i += 1024) {
    float2 sums = sums_of(partials, i);
    product += sums.x;
    sum += sums.y;
  }
  product = block_sum<1024>(product, scratch);
  sum = block_sum<1024>(sum, scratch);
  if (threadIdx.x != 0 || control[kSkip] != 0) return;
  double d = load_double(memory, 0);
  double numerator = sqrt(beta2) * load_double(memory, 1) + d / initial * load_double(memory, 2) * product;
  double estimate = coefficient * numerator / sum;
  d = estimate > d ? estimate : d;
  store_double(memory, 0, d);
  store_double(memory, 1, numerator);
  control[kRule + 8] = static_cast<float>(d * epsilon);
}

// Each segment's values times its ratio: 4 bytes read and 4 written per element.
extern "C" __global__ void scale_segments(float* values, const int* chunks, int64 count, const float* ratios) {
  for (int64 c = blockIdx.x; c < count; c += gridDim.x) {
    Chunk chunk = chunk_at(chunks, c, 0);
    float ratio = ratios[chunk.segment];
    for (int i = threadIdx.x; i < chunk.length; i += blockDim.x) values[chunk.start + i] *= ratio;
  }
}

// a I + b A + c A^2 of n x n matrices: 8 bytes read and 4 written per element.
extern "C" __global__ void polynomial(const float* matrix, const float* square, float a, float b, float c, int n,
                                      float* result) {
  for (int64 i = global_thread(); i < static_cast<int64>(n) * n; i += global_threads()) {
    result[i] = fmaf(c, square[i], fmaf(b, matrix[i], i / n == i % n ? a : 0.0f));
  }
}
