// Losses with their gradients in one pass. Row i of the batch has its target in row order[*cursor + i] of the data set,
// or in row i where `order` is null. `gradient` may be the prediction itself, or null where only the loss is wanted.
#include "activations.cuh"
#include "common.cuh"
#include "rows.cuh"

constexpr int kFactorBlock = 1024;

__device__ __forceinline__ int64 target_row(const int* order, const int* cursor, int64 row) {
  return order ? order[*cursor + row] : row;
}

// ---- Cross-entropy over the classes of a row; org.talweg.ops.CrossEntropy has the formulas.

// What the loss multiplies each class's -log p by.
struct Shares {
  const float* class_weights;  // or null
  const float* target;         // a row of probabilities, or null for a label
  int label;
  float kept;
  float uniform;

  // For a row of the data set. An ignored label leaves no shares, one out of range makes all NaN.
  __device__ Shares(const int* labels, const float* targets, const float* class_weights, int64 row, int classes,
                    float smoothing, int64 ignored)
      : class_weights(class_weights),
        target(targets ? targets + row * classes : nullptr),
        label(-1),
        kept(1.0f - smoothing),
        uniform(smoothing / classes) {
    if (target) return;
    label = labels[row];
    if (label == ignored) {
      kept = uniform = 0.0f;
      label = -1;
    } else if (label < 0 || label >= classes) {
      uniform = kNaN;
    }
  }

  __device__ float of(int j) const {
    float weight = class_weights ? class_weights[j] : 1.0f;
    float share = target ? target[j] : j == label ? 1.0f : 0.0f;
    return weight * fmaf(kept, share, uniform);
  }
};

// A thread's part of a row: every `width`-th value. At most HELD values are kept in registers; with HELD = 0 there may
// be any number, and each pass reads them again from the cache.
template <int HELD>
struct RowPart {
  const float* row;
  int rank;
  int width;
  int count;
  float held[HELD > 0 ? HELD : 1];

  __device__ void load() {
    if constexpr (HELD > 0) {
#pragma unroll
      for (int k = 0; k < HELD; k++) held[k] = rank + k * width < count ? row[rank + k * width] : 0.0f;
    }
  }

  // body(column, value)
  template <typename Body>
  __device__ __forceinline__ void each(Body body) const {
    if constexpr (HELD > 0) {
#pragma unroll
      for (int k = 0; k < HELD; k++) {
        if (rank + k * width < count) body(rank + k * width, held[k]);
      }
    } else {
      for (int j = rank; j < count; j += width) body(j, row[j]);
    }
  }
};

// 4 bytes read and 4 written per prediction, and 4 more read per target probability.
template <bool BLOCK, int HELD>
__device__ void cross_entropy(const float* prediction, const int* labels, const float* targets, const int* order,
                              const int* cursor, const float* class_weights, const float* factors, int logits,
                              float smoothing, int64 ignored, float loss_scale, float gradient_scale,
                              float* row_losses, float* row_hits, float* gradient, int64 batch, int classes,
                              int width) {
  __shared__ float scratch[kRowScratch];
  Group<BLOCK> group{width, scratch};
  int64 row = group.row();
  bool active = row < batch;
  if (!active) row = 0;
  RowPart<HELD> part{prediction + row * classes, group.rank(), group.width, active ? classes : 0};
  part.load();
  Shares shares(labels, targets, class_weights, target_row(order, cursor, row), classes, smoothing, ignored);

  float max = -kInfinity;
  int arg_max = classes;
  part.each([&](int j, float value) { Group<BLOCK>::better(max, arg_max, value, j); });
  group.largest(max, arg_max);
  int wanted = shares.label;
  if (targets && row_hits) {
    float most = -kInfinity;
    wanted = classes;
    part.each([&](int j, float) { Group<BLOCK>::better(most, wanted, shares.target[j], j); });
    group.largest(most, wanted);
  }

  float shift = logits ? max : 0.0f;
  float sum = 0;
  float total = 0;
  float dot = 0;
  part.each([&](int j, float value) {
    float share = shares.of(j);
    if (logits) sum += expf(value - shift);  // NaN and inf - inf end up here
    total += share;
    if (share != 0.0f) dot = fmaf(share, value - shift, dot);
  });
  total = group.sum(total);
  dot = group.sum(dot);
  sum = logits ? group.sum(sum) : 1.0f;
  float loss = (total == 0.0f ? 0.0f : total * logf(sum)) - dot;

  float factor = factors ? factors[0] : 1.0f;
  if (active && group.rank() == 0) {
    row_losses[row] = loss_scale * factor * loss;
    bool hit = arg_max == wanted && arg_max < classes && !isnan(loss);
    if (row_hits) row_hits[row] = !hit ? 0.0f : factors ? factors[1] : 1.0f;
  }
  if (!gradient) return;
  float scale = gradient_scale * factor;
  part.each([&](int j, float value) {
    float softmax = logits ? expf(value - shift) / sum : 0.0f;
    gradient[row * classes + j] = scale * (total * softmax - shares.of(j));
  });
}

#define TALWEG_CROSS_ENTROPY(LONGEST, BLOCK, HELD)                                                                   \
  extern "C" __global__ __launch_bounds__(kRowBlock) void cross_entropy_##LONGEST(                                   \
      const float* prediction, const int* labels, const float* targets, const int* order, const int* cursor,         \
      const float* class_weights, const float* factors, int logits, float smoothing, int64 ignored,                  \
      float loss_scale, float gradient_scale, float* row_losses, float* row_hits, float* gradient, int64 batch,      \
      int classes, int width) {                                                                                      \
    cross_entropy<BLOCK, HELD>(prediction, labels, targets, order, cursor, class_weights, factors, logits,           \
                               smoothing, ignored, loss_scale, gradient_scale, row_losses, row_hits, gradient,       \
                               batch, classes, width);                                                               \
  }

// By the longest row.
TALWEG_CROSS_ENTROPY(256, false, 8)
TALWEG_CROSS_ENTROPY(2048, true, 8)
TALWEG_CROSS_ENTROPY(any, true, 0)

// One block: factors of a mean over the rows that count. Reads 4 bytes a label, and its class weight from the cache.
extern "C" __global__ __launch_bounds__(kFactorBlock) void label_factors(
    const int* labels, const int* order, const int* cursor, const float* class_weights, int64 ignored,
    int weighted_mean, float* factors, int count, int classes) {
  __shared__ double scratch[kFactorBlock / kWarp];
  double weight = 0;
  int kept = 0;
  for (int i = threadIdx.x; i < count; i += kFactorBlock) {
    int label = labels[target_row(order, cursor, i)];
    if (label == ignored) continue;
    bool outside = class_weights && (label < 0 || label >= classes);
    weight += outside ? static_cast<double>(kNaN) : class_weights ? class_weights[label] : 1.0f;
    kept++;
  }
  weight = block_sum<kFactorBlock>(weight, scratch);
  double rows = block_sum<kFactorBlock>(static_cast<double>(kept), scratch);
  if (threadIdx.x != 0) return;
  factors[0] = weighted_mean ? static_cast<float>(count / weight) : 1.0f;
  factors[1] = static_cast<float>(count / rows);
}

// ---- Losses of each element; org.talweg.ops.ElementwiseLoss has the formulas.

enum Formula {
  kSquaredError, kAbsoluteError, kHuber, kSmoothL1, kLogCosh, kBinaryCrossEntropy, kBinaryCrossEntropyProbabilities,
  kHinge, kSquaredHinge, kHingeEmbedding, kKlDivergence, kKlDivergenceLogTarget, kPoisson, kPoissonRate, kFocal
};

constexpr float kLog2 = 0.69314718055994531f;
constexpr float kTwoPi = 6.2831853071795865f;

__device__ __forceinline__ float sign(float d) { return d > 0.0f ? 1.0f : d < 0.0f ? -1.0f : d; }
__device__ __forceinline__ float side(float t) { return t > 0.0f ? 1.0f : t <= 0.0f ? -1.0f : t; }
__device__ __forceinline__ float positive_part(float x) { return x < 0.0f ? 0.0f : x; }  // fmaxf would lose a NaN

// max(z, 0) - z t + log(1 + exp(-|z|)): neither exponential overflows nor logarithm cancels.
__device__ __forceinline__ float binary_cross_entropy(float z, float t, float positive) {
  float linear = z > 0.0f ? fmaf(-z, t, z) : -positive * z * t;
  return fmaf(fmaf(positive - 1.0f, t, 1.0f), log1pf(expf(-fabsf(z))), linear);
}

// Stirling's log t!
__device__ __forceinline__ float log_factorial(float t) {
  return t > 1.0f ? t * logf(t) - t + 0.5f * logf(kTwoPi * t) : 0.0f;
}

template <int FORMULA>
__device__ float element_loss(float p, float t, float positive, float a, float b, float& derivative) {
  float d = p - t;
  float size = fabsf(d);
  switch (FORMULA) {
    case kSquaredError:
      derivative = 2.0f * d;
      return d * d;
    case kAbsoluteError:
      derivative = sign(d);
      return size;
    case kHuber:
      derivative = d > a ? a : d < -a ? -a : d;
      return size <= a ? 0.5f * d * d : a * (size - 0.5f * a);
    case kSmoothL1:
      derivative = size < a ? d / a : sign(d);
      return size < a ? 0.5f * d * d / a : size - 0.5f * a;
    case kLogCosh: {
      derivative = tanhf(d);
      if (size >= 1.0f) return size + (log1pf(expf(-2.0f * size)) - kLog2);
      float s = sinhf(d);  // near 0 the other form would cancel
      return 0.5f * log1pf(s * s);
    }
    case kBinaryCrossEntropy:
      derivative = fmaf(fmaf(positive - 1.0f, t, 1.0f), sigmoid(p), -positive * t);
      return binary_cross_entropy(p, t, positive);
    case kBinaryCrossEntropyProbabilities: {
      bool inside = p >= 0.0f && p <= 1.0f;
      derivative = inside ? d / fmaxf(p * (1.0f - p), 1e-12f) : kNaN;
      return inside ? -t * fmaxf(logf(p), -100.0f) - (1.0f - t) * fmaxf(log1pf(-p), -100.0f) : kNaN;
    }
    case kHinge: {
      float gap = positive_part(fmaf(-side(t), p, 1.0f));
      derivative = -side(t) * sign(gap);
      return gap;
    }
    case kSquaredHinge: {
      float gap = positive_part(fmaf(-side(t), p, 1.0f));
      derivative = -2.0f * side(t) * gap;
      return gap * gap;
    }
    case kHingeEmbedding: {
      float gap = positive_part(a - p);
      derivative = side(t) > 0.0f ? 1.0f : -sign(gap);
      return side(t) > 0.0f ? p : gap;
    }
    case kKlDivergence:
      derivative = -t;
      return t == 0.0f ? 0.0f : t * (logf(t) - p);
    case kKlDivergenceLogTarget: {
      float probability = expf(t);
      derivative = -probability;
      return probability == 0.0f ? 0.0f : probability * (t - p);
    }
    case kPoisson: {
      float rate = expf(p);
      derivative = rate - t;
      return fmaf(-t, p, rate) + (a != 0.0f ? log_factorial(t) : 0.0f);
    }
    case kPoissonRate:
      derivative = 1.0f - t / (p + b);
      return fmaf(-t, logf(p + b), p) + (a != 0.0f ? log_factorial(t) : 0.0f);
    default: {  // kFocal
      float right = sigmoid(p);
      float wrong = sigmoid(-p);
      float missed = fmaf(right, 1.0f - t, wrong * t);
      // right * wrong / missed without 0 / 0 where `missed` vanishes: it does only for targets of exactly 0 or 1.
      float ratio = t == 1.0f ? right : t == 0.0f ? wrong : right * wrong / missed;
      float loss = binary_cross_entropy(p, t, 1.0f);
      float balance = a < 0.0f ? 1.0f : fmaf(a, t, (1.0f - a) * (1.0f - t));
      float scale = balance * powf(missed, b);
      derivative = scale * fmaf(b * (1.0f - 2.0f * t) * ratio, loss, right - t);
      return scale * loss;
    }
  }
}

template <int FORMULA>
__device__ bool is_hit(float p, float t) {
  switch (FORMULA) {
    case kBinaryCrossEntropy:
    case kFocal:
      return (p > 0.0f) == (t > 0.5f);
    case kBinaryCrossEntropyProbabilities:
      return (p > 0.5f) == (t > 0.5f);
    case kHinge:
    case kSquaredHinge:
      return (p > 0.0f) == (t > 0.0f);
    default:
      return false;
  }
}

// 8 bytes read and 4 written per element.
template <int FORMULA, bool BLOCK>
__device__ void elementwise(const float* prediction, const float* target, const int* order, const int* cursor,
                            const float* weights, const float* positive_weights, float a, float b, float loss_scale,
                            float gradient_scale, float* row_losses, float* row_hits, float* gradient, int64 batch,
                            int columns, int width) {
  __shared__ float scratch[kRowScratch];
  Group<BLOCK> group{width, scratch};
  int64 row = group.row();
  bool active = row < batch;
  int count = active ? columns : 0;
  if (!active) row = 0;
  const float* p = prediction + row * columns;
  const float* t = target + target_row(order, cursor, row) * columns;
  float sum = 0;
  float hits = 0;
  for (int j = group.rank(); j < count; j += group.width) {
    float weight = weights ? weights[j] : 1.0f;
    float positive = positive_weights ? positive_weights[j] : 1.0f;
    float derivative;
    sum = fmaf(weight, element_loss<FORMULA>(p[j], t[j], positive, a, b, derivative), sum);
    hits += is_hit<FORMULA>(p[j], t[j]) ? 1.0f : 0.0f;
    if (gradient) gradient[row * columns + j] = gradient_scale * (weight * derivative);
  }
  sum = group.sum(sum);
  if (row_hits) hits = group.sum(hits);
  if (active && group.rank() == 0) {
    row_losses[row] = loss_scale * sum;
    if (row_hits) row_hits[row] = hits / columns;
  }
}

#define TALWEG_ELEMENTWISE_KERNEL(NAME, FORMULA, GROUP, BLOCK)                                                      \
  extern "C" __global__ __launch_bounds__(kRowBlock) void NAME##_##GROUP(                                           \
      const float* prediction, const float* target, const int* order, const int* cursor, const float* weights,      \
      const float* positive_weights, float a, float b, float loss_scale, float gradient_scale, float* row_losses,   \
      float* row_hits, float* gradient, int64 batch, int columns, int width) {                                      \
    elementwise<FORMULA, BLOCK>(prediction, target, order, cursor, weights, positive_weights, a, b, loss_scale,     \
                                gradient_scale, row_losses, row_hits, gradient, batch, columns, width);             \
  }

#define TALWEG_ELEMENTWISE(NAME, FORMULA)                 \
  TALWEG_ELEMENTWISE_KERNEL(NAME, FORMULA, warp, false)   \
  TALWEG_ELEMENTWISE_KERNEL(NAME, FORMULA, block, true)

TALWEG_ELEMENTWISE(squared_error, kSquaredError)
TALWEG_ELEMENTWISE(absolute_error, kAbsoluteError)
TALWEG_ELEMENTWISE(huber, kHuber)
TALWEG_ELEMENTWISE(smooth_l1, kSmoothL1)
TALWEG_ELEMENTWISE(log_cosh, kLogCosh)
TALWEG_ELEMENTWISE(binary_cross_entropy, kBinaryCrossEntropy)
TALWEG_ELEMENTWISE(binary_cross_entropy_probabilities, kBinaryCrossEntropyProbabilities)
TALWEG_ELEMENTWISE(hinge, kHinge)
TALWEG_ELEMENTWISE(squared_hinge, kSquaredHinge)
TALWEG_ELEMENTWISE(hinge_embedding, kHingeEmbedding)
TALWEG_ELEMENTWISE(kl_divergence, kKlDivergence)
TALWEG_ELEMENTWISE(kl_divergence_log_target, kKlDivergenceLogTarget)
TALWEG_ELEMENTWISE(poisson, kPoisson)
TALWEG_ELEMENTWISE(poisson_rate, kPoissonRate)
TALWEG_ELEMENTWISE(focal, kFocal)
