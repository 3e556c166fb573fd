// What losses compute of one row, with its gradient: written once for the kernels of loss.cu and for those that have the
// prediction at hand.
#pragma once
#include "activations.cuh"
#include "rows.cuh"

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

// The loss of a row of predictions and its gradient, where that is not null; it may be the row itself. `active`: whether
// the group has a row. Every thread of a warp takes part.
template <bool BLOCK, int HELD>
__device__ __forceinline__ void cross_entropy_row(const Group<BLOCK>& group, bool active, const float* prediction,
                                                  const int* labels, const float* targets, int64 target_row,
                                                  const float* class_weights, const float* factors, int logits,
                                                  float smoothing, int64 ignored, float loss_scale,
                                                  float gradient_scale, float* row_loss, float* row_hit,
                                                  float* gradient, int classes) {
  RowPart<HELD> part{prediction, group.rank(), group.width, active ? classes : 0};
  part.load();
  Shares shares(labels, targets, class_weights, target_row, classes, smoothing, ignored);

  float max = -kInfinity;
  int arg_max = classes;
  part.each([&](int j, float value) { Group<BLOCK>::better(max, arg_max, value, j); });
  group.largest(max, arg_max);
  int wanted = shares.label;
  if (targets && row_hit) {
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
    *row_loss = loss_scale * factor * loss;
    bool hit = arg_max == wanted && arg_max < classes && !isnan(loss);
    if (row_hit) *row_hit = !hit ? 0.0f : factors ? factors[1] : 1.0f;
  }
  if (!gradient) return;
  float scale = gradient_scale * factor;
  part.each([&](int j, float value) {
    float softmax = logits ? expf(value - shift) / sum : 0.0f;
    gradient[j] = scale * (total * softmax - shares.of(j));
  });
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

__device__ __forceinline__ float element_loss(int formula, float p, float t, float positive, float a, float b,
                                              float& derivative) {
  float d = p - t;
  float size = fabsf(d);
  switch (formula) {
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

__device__ __forceinline__ bool is_hit(int formula, float p, float t) {
  switch (formula) {
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

// The sum of a row's losses and its gradient, as above. element(prediction, target, positive weight, derivative) is the
// loss of an element, hit(prediction, target) whether it is right.
template <bool BLOCK, typename Element, typename Hit>
__device__ __forceinline__ void elementwise_row(const Group<BLOCK>& group, bool active, const float* prediction,
                                                const float* target, const float* weights,
                                                const float* positive_weights, Element element, Hit hit,
                                                float loss_scale, float gradient_scale, float* row_loss,
                                                float* row_hit, float* gradient, int columns) {
  float sum = 0;
  float hits = 0;
  for (int j = group.rank(); active && j < columns; j += group.width) {
    float weight = weights ? weights[j] : 1.0f;
    float positive = positive_weights ? positive_weights[j] : 1.0f;
    float p = prediction[j];
    float derivative;
    sum = fmaf(weight, element(p, target[j], positive, derivative), sum);
    hits += hit(p, target[j]) ? 1.0f : 0.0f;
    if (gradient) gradient[j] = gradient_scale * (weight * derivative);
  }
  sum = group.sum(sum);
  if (row_hit) hits = group.sum(hits);
  if (active && group.rank() == 0) {
    *row_loss = loss_scale * sum;
    if (row_hit) *row_hit = hits / columns;
  }
}
