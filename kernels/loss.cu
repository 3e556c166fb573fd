// Losses with their gradients in one pass. Row i of the batch has its target in row order[*cursor + i] of the data set,
// or in row i where `order` is null. `gradient` may be the prediction itself, or null where only the loss is wanted.
#include "loss.cuh"

constexpr int kFactorBlock = 1024;

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
  int64 at = target_row(order, cursor, row);
  cross_entropy_row<BLOCK, HELD>(group, active, prediction + row * classes, labels, targets, at, class_weights, factors,
                                 logits, smoothing, ignored, loss_scale, gradient_scale, row_losses + row,
                                 row_hits ? row_hits + row : nullptr, gradient ? gradient + row * classes : nullptr,
                                 classes);
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

// ---- Losses of each element.

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
  if (!active) row = 0;
  const float* targets = target + target_row(order, cursor, row) * columns;
  auto element = [=](float p, float t, float positive, float& derivative) {
    return element_loss(FORMULA, p, t, positive, a, b, derivative);
  };
  auto hit = [](float p, float t) { return is_hit(FORMULA, p, t); };
  elementwise_row(group, active, prediction + row * columns, targets, weights, positive_weights, element, hit,
                  loss_scale, gradient_scale, row_losses + row, row_hits ? row_hits + row : nullptr,
                  gradient ? gradient + row * columns : nullptr, columns);
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
