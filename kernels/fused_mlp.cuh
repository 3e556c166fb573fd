// What a fused training step of a multilayer perceptron consists of, however its products are computed;
// org.talweg.ops.FusedMlpOps has the formulas. A block takes slabs of rows of the batch through all layers and back, and
// keeps what lies between the layers in shared memory: of a batch, memory is read for the input and the targets alone.
// Weights come through shared memory, a step along k after the other, out of the cache; the block's part of their
// gradients goes to a share of its own.
#pragma once
#include "loss.cuh"
#include "matrix_rows.cuh"
#include "tensor.cuh"

constexpr int kMaxLayers = 16;
constexpr int kMaxThreads = 512;
constexpr int kMaxRows = 64;
constexpr int kDepth = 32;         // of a step along k, in the products that weights are streamed for
constexpr int kInputColumns = 64;  // of a step along the input, in its weight gradient
constexpr int kTileRows = 16;      // of a result that a warp holds, 16 values a thread
constexpr int kTileColumns = 32;
constexpr int kHeld = 4;  // values of a row of up to 128 that a thread holds in the loss
constexpr int kInputPitch = kInputColumns + 4;

// A row of the table of layers, which lies in device memory. Places in shared memory are in floats.
struct FusedLayer {
  int inputs;
  int outputs;
  int weights;   // in the flat buffers
  int bias;      // or -1
  int activation;
  float p;
  float q;
  int output;    // in shared memory
  int saved;     // of what the derivative is computed from
  int gradient;  // of dZ: over the output, but where the loss must leave it for the derivative
};

// Starts to copy four neighbours, of which `valid` are there; zeros for the others, which are read nowhere.
__device__ __forceinline__ void copy4(float* to, const float* from, int valid, bool vectors) {
  if (vectors) {
    copy_async16(shared_address(to), from, valid >= 4 ? 16 : valid > 0 ? valid * 4 : 0);
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++) copy_async4(shared_address(to + i), i < valid ? from + i : from, i < valid ? 4 : 0);
  }
}

// One slab on its way through the layers. WIDTHS: rows in shared memory are zero up to a multiple of it. STAGES: of shared
// memory, for what is streamed. PRODUCTS has the products, on this as its base.
template <typename PRODUCTS, int WIDTHS, int STAGES>
struct Slab {
  const FusedLayer* layers;
  const float* parameters;
  const float* features;
  const int* rows_of;  // rows of the data set, for each row of the slab that is there
  float* shared;       // what lies between the layers
  float* stages;
  int stage_floats;
  int capacity;  // rows of a slab
  int rows;      // that are there

  static constexpr int kStages = STAGES;

  // Columns of a row in shared memory, those behind its width zero.
  static __device__ __forceinline__ int padded(int width) { return (width + WIDTHS - 1) / WIDTHS * WIDTHS; }

  // From one row to the next: an odd number of quads, so that the same quad of eight rows lies in different banks.
  static __device__ __forceinline__ int pitch(int width) { return (padded(width) / 4 | 1) * 4; }

  static __device__ __forceinline__ int warp() { return threadIdx.x / kWarp; }
  static __device__ __forceinline__ int lane() { return threadIdx.x % kWarp; }
  __device__ __forceinline__ int tile_row(int tile) const { return tile % (capacity / kTileRows) * kTileRows; }
  __device__ __forceinline__ int tile_column(int tile) const { return tile / (capacity / kTileRows) * kTileColumns; }

  // Copies steps ahead: fetch(step, stage) starts the copies of a step, use(step, stage) works on it. What `meanwhile`
  // does needs neither. After it the caller must pass a barrier before it streams again.
  template <typename Fetch, typename Meanwhile, typename Use>
  __device__ __forceinline__ void stream(int steps, Fetch fetch, Meanwhile meanwhile, Use use) const {
    // A group is committed even where nothing is left to copy: the waits count groups.
    auto start = [&](int step) {
      if (step < steps) fetch(step, stages + step % STAGES * stage_floats);
      commit_copies();
    };
#pragma unroll
    for (int step = 0; step < STAGES - 1; step++) start(step);
    meanwhile();
    for (int step = 0; step < steps; step++) {
      wait_for_copies<STAGES - 2>();
      __syncthreads();
      start(step + STAGES - 1);
      use(step, stages + step % STAGES * stage_floats);
    }
  }

  // Columns [first, first + columns) of the slab's input, for as many rows as a slab can have, to place(row, column);
  // those from `end` on are left out.
  template <typename Place>
  __device__ __forceinline__ void fetch_input(float* to, int first, int columns, int inputs, int end, Place place) const {
    bool vectors = inputs % 4 == 0 && is_aligned16(features);
    int across = columns / 4;
    for (int i = threadIdx.x; i < capacity * across; i += blockDim.x) {
      int row = i / across;
      int column = i % across * 4;
      if (first + column >= end) continue;
      // Rows and columns that are not there are zeros, read nowhere.
      int left = row < rows ? inputs - first - column : 0;
      const float* from = features + static_cast<int64>(rows_of[row < rows ? row : 0]) * inputs + (left > 0 ? first + column : 0);
      copy4(to + place(row, column), from, min(left, 4), vectors);
    }
  }

  // The next row of accumulators to the front.
  static __device__ __forceinline__ void shift(float (&sums)[4][4]) {
#pragma unroll
    for (int i = 0; i < 3; i++) {
#pragma unroll
      for (int j = 0; j < 4; j++) sums[i][j] = sums[i + 1][j];
    }
  }

  // dZ of the last layer <- the loss's gradient times f'; zeros in rows that are not there, which the loss left out.
  __device__ void finish_output(const FusedLayer& layer) const {
    if (layer.saved < 0) return;
    Activation activation(layer.activation, layer.p, layer.q);
    int across = padded(layer.outputs);
    float* gradient = shared + layer.gradient;
    for (int i = threadIdx.x; i < capacity * across; i += blockDim.x) {
      int row = i / across;
      int column = i % across;
      int place = row * pitch(layer.outputs) + column;
      float result[1] = {0.0f};
      if (row < rows && column < layer.outputs) {
        float saved[1] = {shared[layer.saved + place]};
        result[0] = gradient[place];
        differentiate(activation, result, saved);
      }
      gradient[place] = result[0];
    }
    __syncthreads();
  }

  // All of dW that `columns` of the inputs, from `first` on, have a part in.
  __device__ __forceinline__ void weights_tiles(const FusedLayer& layer, const float* input, int input_pitch, int first,
                                                int columns, float* share, bool accumulate) const {
    int down = (layer.outputs + kTileRows - 1) / kTileRows;
    int tiles = down * ((columns + kTileColumns - 1) / kTileColumns);
    for (int tile = warp(); tile < tiles; tile += blockDim.x / kWarp) {
      static_cast<const PRODUCTS*>(this)->weights_tile(layer, input, input_pitch, first, columns, tile % down * kTileRows, tile / down * kTileColumns, share,
                   accumulate);
    }
  }

  // db = the column sums of dZ.
  __device__ __forceinline__ void bias_gradient(const FusedLayer& layer, float* share, bool accumulate) const {
    if (layer.bias < 0) return;
    const float* gradient = shared + layer.gradient;
    int gradient_pitch = pitch(layer.outputs);
    for (int column = threadIdx.x; column < layer.outputs; column += blockDim.x) {
      float sum = 0;
      for (int row = 0; row < rows; row++) sum += gradient[row * gradient_pitch + column];
      float* to = share + layer.bias + column;
      *to = accumulate ? *to + sum : sum;
    }
  }

  // The first layer has no gradient of its input to find; that comes once more for the weights'.
  __device__ void backward_first(float* share, bool accumulate) const {
    FusedLayer layer = layers[0];
    auto fetch = [&](int step, float* stage) {
      fetch_input(stage, step * kInputColumns, kInputColumns, layer.inputs, layer.inputs,
                  [](int row, int column) { return row * kInputPitch + column; });
    };
    auto use = [&](int step, const float* stage) {
      int first = step * kInputColumns;
      weights_tiles(layer, stage, kInputPitch, first, min(kInputColumns, layer.inputs - first), share, accumulate);
    };
    stream((layer.inputs + kInputColumns - 1) / kInputColumns, fetch,
           [&] { bias_gradient(layer, share, accumulate); }, use);
    __syncthreads();
  }

  // W's depths of a step, to place(output, depth): zero up to the padded width.
  template <typename Place>
  __device__ __forceinline__ void fetch_along(const FusedLayer& layer, int step, float* to, Place place) const {
    int inputs = layer.inputs;
    const float* weights = parameters + layer.weights;
    bool vectors = inputs % 4 == 0 && is_aligned16(weights);
    int first = step * kDepth;
    for (int i = threadIdx.x; i < layer.outputs * (kDepth / 4); i += blockDim.x) {
      int output = i / (kDepth / 4);
      int depth = i % (kDepth / 4) * 4;
      if (first + depth >= padded(inputs)) continue;
      int left = inputs - first - depth;
      const float* from = weights + static_cast<int64>(output) * inputs + (left > 0 ? first + depth : 0);
      copy4(to + place(output, depth), from, min(left, 4), vectors);
    }
  }

  // The same for dX, where a depth is an output, a row of W.
  __device__ __forceinline__ void fetch_across(const FusedLayer& layer, int step, float* to) const {
    int inputs = layer.inputs;
    const float* weights = parameters + layer.weights;
    bool vectors = inputs % 4 == 0 && is_aligned16(weights);
    int across = (inputs + 3) / 4;
    for (int i = threadIdx.x; i < kDepth * across; i += blockDim.x) {
      int depth = i / across;
      int at = i % across * 4;
      int output = step * kDepth + depth;
      if (output >= padded(layer.outputs)) break;
      bool there = output < layer.outputs;
      copy4(to + depth * pitch(inputs) + at, weights + static_cast<int64>(there ? output : 0) * inputs + at,
            there ? min(inputs - at, 4) : 0, vectors);
    }
  }
};

// S: the slab. `formula` is the number of an elementwise loss, or -1 for cross-entropy, whose smoothing is `a`; `others` are
// that one's factors, or positive weights. `shares` has `length` elements for each block.
template <typename S>
__device__ __forceinline__ void fused_step(
    const int* layout, int layers, int capacity, int stage_floats, int slabs_each, const float* features,
    const int* order, const int* cursor, const float* parameters, float* shares, int64 length, int formula,
    const int* labels, const float* targets, const float* weights, const float* others, int logits, float a, float b,
    int64 ignored, float loss_scale, float gradient_scale, float* row_losses, float* row_hits, int batch) {
  extern __shared__ float4 memory[];
  __shared__ FusedLayer table[kMaxLayers];
  __shared__ int rows_of[kMaxRows];
  constexpr int kWords = sizeof(FusedLayer) / sizeof(int);
  for (int i = threadIdx.x; i < layers * kWords; i += blockDim.x) reinterpret_cast<int*>(table)[i] = layout[i];

  float* stages = reinterpret_cast<float*>(memory);
  S slab{{table, parameters, features, rows_of, stages + S::kStages * stage_floats, stages, stage_floats, capacity, 0}};
  float* share = shares + blockIdx.x * length;
  for (int s = 0; s < slabs_each; s++) {
    int first = (blockIdx.x * slabs_each + s) * capacity;
    if (first >= batch) break;
    slab.rows = min(capacity, batch - first);
    if (threadIdx.x < slab.rows) {
      rows_of[threadIdx.x] = static_cast<int>(target_row(order, cursor, first + threadIdx.x));
    }
    __syncthreads();
    for (int l = 0; l < layers; l++) slab.forward(l);

    const FusedLayer& last = table[layers - 1];
    Group<false> group{kWarp, nullptr};
    for (int row = threadIdx.x / kWarp; row < slab.rows; row += blockDim.x / kWarp) {
      const float* prediction = slab.shared + last.output + row * S::pitch(last.outputs);
      float* gradient = slab.shared + last.gradient + row * S::pitch(last.outputs);
      float* row_loss = row_losses + first + row;
      float* row_hit = row_hits ? row_hits + first + row : nullptr;
      if (formula < 0) {
        cross_entropy_row<false, kHeld>(group, true, prediction, labels, targets, rows_of[row], weights, others, logits,
                                        a, ignored, loss_scale, gradient_scale, row_loss, row_hit, gradient,
                                        last.outputs);
      } else {
        auto element = [=](float p, float t, float positive, float& derivative) {
          return element_loss(formula, p, t, positive, a, b, derivative);
        };
        auto hit = [=](float p, float t) { return is_hit(formula, p, t); };
        elementwise_row(group, true, prediction, targets + static_cast<int64>(rows_of[row]) * last.outputs, weights,
                        others, element, hit, loss_scale, gradient_scale, row_loss, row_hit, gradient, last.outputs);
      }
    }
    __syncthreads();
    slab.finish_output(last);
    for (int l = layers - 1; l > 0; l--) slab.backward(l, share, s > 0);
    slab.backward_first(share, s > 0);
  }
}

// The kernel of a slab.
#define TALWEG_FUSED_STEP(NAME, SLAB)                                                                                 \
  extern "C" __global__ __launch_bounds__(kMaxThreads, 1) void NAME(                                                  \
    const int* layout, int layers, int capacity, int stage_floats, int slabs_each, const float* features,             \
    const int* order, const int* cursor, const float* parameters, float* shares, int64 length, int formula,           \
    const int* labels, const float* targets, const float* weights, const float* others, int logits, float a, float b, \
    int64 ignored, float loss_scale, float gradient_scale, float* row_losses, float* row_hits, int batch) {           \
    fused_step<SLAB>(layout, layers, capacity, stage_floats, slabs_each, features, order, cursor, parameters, shares, \
                     length, formula, labels, targets, weights, others, logits, a, b, ignored, loss_scale,            \
                     gradient_scale, row_losses, row_hits, batch);                                                    \
  }
