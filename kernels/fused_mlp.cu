// A training step of a multilayer perceptron but for its update, in one kernel: forward, loss and backward of all layers;
// org.talweg.ops.FusedMlpOps has the formulas. A block takes slabs of rows of the batch through all layers and back, and
// keeps what lies between the layers in shared memory: of a batch, memory is read for the input and the targets alone.
// Weights come through shared memory, a step along k after the other, out of the cache; the block's part of their
// gradients goes to a share of its own, and a second kernel adds the shares in order.
// Needs compute capability 8.0: copies are asynchronous.
#include "loss.cuh"
#include "matrix_rows.cuh"
#include "tensor.cuh"

constexpr int kMaxLayers = 16;
constexpr int kMaxThreads = 512;
constexpr int kMaxRows = 64;
constexpr int kDepth = 32;         // of a step along k, in the products that weights are streamed for
constexpr int kInputColumns = 64;  // of a step along the input, in its weight gradient
constexpr int kTileRows = 16;      // of a result that a warp holds: 4x4 a thread, lanes 4x8
constexpr int kTileColumns = 32;
constexpr int kHeld = 4;  // values of a row of up to 128 that a thread holds in the loss
constexpr int kFinishBlock = 256;

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

// Up to whole quads.
__device__ __forceinline__ int quads(int width) { return (width + 3) / 4 * 4; }

// From one row to the next of a matrix in shared memory: an odd number of quads, so that the same quad of eight rows lies
// in different banks. Columns up to whole quads are zero.
__device__ __forceinline__ int pitch(int width) { return ((width + 3) / 4 | 1) * 4; }

constexpr int kPitch = kDepth + 4;
constexpr int kInputPitch = kInputColumns + 4;

// Starts to copy four neighbours, of which `valid` are there; zeros for the others.
__device__ __forceinline__ void copy4(float* to, const float* from, int valid, bool vectors) {
  if (vectors) {
    copy_async16(shared_address(to), from, valid >= 4 ? 16 : valid * 4);
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++) copy_async4(shared_address(to + i), i < valid ? from + i : from, i < valid ? 4 : 0);
  }
}

// One slab on its way through the layers.
struct Slab {
  const FusedLayer* layers;
  const float* parameters;
  const float* features;
  const int* rows_of;  // rows of the data set, for each row of the slab that is there
  float* shared;       // what lies between the layers
  float* stages;       // two, for what is streamed
  int stage_floats;
  int capacity;  // rows of a slab
  int rows;      // that are there

  __device__ __forceinline__ int warp() const { return threadIdx.x / kWarp; }
  __device__ __forceinline__ int lane() const { return threadIdx.x % kWarp; }
  __device__ __forceinline__ int tile_row(int tile) const { return tile % (capacity / kTileRows) * kTileRows; }
  __device__ __forceinline__ int tile_column(int tile) const { return tile / (capacity / kTileRows) * kTileColumns; }

  // Copies a step ahead: fetch(step, stage) starts the copies of a step, use(step, stage) works on it. What `meanwhile`
  // does needs neither. After it the caller must pass a barrier before it streams again.
  template <typename Fetch, typename Meanwhile, typename Use>
  __device__ __forceinline__ void stream(int steps, Fetch fetch, Meanwhile meanwhile, Use use) const {
    fetch(0, stages);
    meanwhile();
    for (int step = 0; step < steps; step++) {
      wait_for_copies<0>();
      __syncthreads();
      if (step + 1 < steps) fetch(step + 1, stages + (step + 1) % 2 * stage_floats);
      use(step, stages + step % 2 * stage_floats);
    }
  }

  // Columns [first, first + columns) of the slab's input, for as many rows as a slab can have.
  __device__ __forceinline__ void fetch_input(float* to, int to_pitch, int first, int columns, int inputs) const {
    bool vectors = inputs % 4 == 0 && is_aligned16(features);
    int across = columns / 4;
    for (int i = threadIdx.x; i < capacity * across; i += blockDim.x) {
      int row = i / across;
      int column = i % across * 4;
      int left = inputs - first - column;
      if (left <= 0) continue;
      // Rows that are not there are zeros, read nowhere.
      const float* from = features + static_cast<int64>(rows_of[row < rows ? row : 0]) * inputs + first + column;
      copy4(to + row * to_pitch + column, from, row < rows ? min(left, 4) : 0, vectors);
    }
  }

  // A = f(X W^T + b): both operands lie along k, and are read four depths at a time.
  __device__ void forward(int l) const {
    FusedLayer layer = layers[l];
    int inputs = layer.inputs;
    int outputs = layer.outputs;
    const float* weights = parameters + layer.weights;
    bool vectors = inputs % 4 == 0 && is_aligned16(weights);
    int input_pitch = l == 0 ? kPitch : pitch(inputs);
    const float* input = l == 0 ? nullptr : shared + layers[l - 1].output;
    int weights_at = l == 0 ? capacity * kPitch : 0;
    int row = tile_row(warp()) + lane() / 8;
    int column = tile_column(warp()) + lane() % 8;
    bool busy = tile_column(warp()) < outputs;
    float sums[4][4] = {};

    auto fetch = [&](int step, float* stage) {
      int first = step * kDepth;
      for (int i = threadIdx.x; i < outputs * (kDepth / 4); i += blockDim.x) {
        int output = i / (kDepth / 4);
        int depth = i % (kDepth / 4) * 4;
        int left = inputs - first - depth;
        if (left <= 0) continue;
        copy4(stage + weights_at + output * kPitch + depth, weights + static_cast<int64>(output) * inputs + first + depth,
              min(left, 4), vectors);
      }
      if (l == 0) fetch_input(stage, kPitch, first, kDepth, inputs);
      commit_copies();
    };
    auto use = [&](int step, const float* stage) {
      if (!busy) return;
      int depth = min(kDepth, quads(inputs - step * kDepth));
      const float* a = (l == 0 ? stage : input + step * kDepth) + row * input_pitch;
      const float* b[4];
#pragma unroll
      for (int j = 0; j < 4; j++) b[j] = stage + weights_at + min(column + 8 * j, outputs - 1) * kPitch;
#pragma unroll 2
      for (int k = 0; k < depth; k += 4) {
        float4 av[4];
        float4 bv[4];
#pragma unroll
        for (int i = 0; i < 4; i++) av[i] = load4(a + 4 * i * input_pitch + k);
#pragma unroll
        for (int j = 0; j < 4; j++) bv[j] = load4(b[j] + k);
#pragma unroll
        for (int i = 0; i < 4; i++) {
#pragma unroll
          for (int j = 0; j < 4; j++) {
            float sum = fmaf(av[i].x, bv[j].x, sums[i][j]);
            sum = fmaf(av[i].y, bv[j].y, sum);
            sum = fmaf(av[i].z, bv[j].z, sum);
            sums[i][j] = fmaf(av[i].w, bv[j].w, sum);
          }
        }
      }
    };
    stream((inputs + kDepth - 1) / kDepth, fetch, [] {}, use);

    Activation activation(layer.activation, layer.p, layer.q);
    float* output = shared + layer.output;
    float* saved = layer.saved >= 0 && layer.saved != layer.output ? shared + layer.saved : nullptr;
    int output_pitch = pitch(outputs);
    if (busy) {
      float bias[4];
#pragma unroll
      for (int j = 0; j < 4; j++) {
        int at = column + 8 * j;
        bias[j] = layer.bias >= 0 && at < outputs ? parameters[layer.bias + at] : 0.0f;
      }
      // A loop, in which values move up in registers, so that the activations' code stands once.
#pragma unroll 1
      for (int i = 0; i < 4; i++) {
        float z[4];
#pragma unroll
        for (int j = 0; j < 4; j++) z[j] = sums[0][j] + bias[j];
        shift(sums);
        int place = (row + 4 * i) * output_pitch + column;
        if (saved) store(saved + place, column, outputs, z);
        activate(activation, z);
        store(output + place, column, outputs, z);
      }
    }
    __syncthreads();
  }

  // The next row of accumulators to the front.
  static __device__ __forceinline__ void shift(float (&sums)[4][4]) {
#pragma unroll
    for (int i = 0; i < 3; i++) {
#pragma unroll
      for (int j = 0; j < 4; j++) sums[i][j] = sums[i + 1][j];
    }
  }

  // Four values, eight columns apart; zero in what fills up the last quad.
  static __device__ __forceinline__ void store(float* to, int column, int columns, const float (&values)[4]) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      int at = column + 8 * j;
      if (at < quads(columns)) to[8 * j] = at < columns ? values[j] : 0.0f;
    }
  }

  // dZ of the last layer <- the loss's gradient times f'; zeros in rows that are not there, which the loss left out.
  __device__ void finish_output(const FusedLayer& layer) const {
    if (layer.saved < 0) return;
    Activation activation(layer.activation, layer.p, layer.q);
    int across = quads(layer.outputs);
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

  // A warp's tile of dW = dZ^T A over the slab's rows, in their order: into the block's share, or added to it.
  // `input` has `columns` of the layer's inputs, from `first` on.
  __device__ __forceinline__ void weights_tile(const FusedLayer& layer, const float* input, int input_pitch, int first,
                                               int columns, int tile_row, int tile_column, float* share,
                                               bool accumulate) const {
    int output = tile_row + lane() / 8 * 4;
    int column = tile_column + lane() % 8 * 4;
    int gradient_pitch = pitch(layer.outputs);
    const float* a = shared + layer.gradient + min(output, quads(layer.outputs) - 4);
    const float* b = input + min(column, quads(columns) - 4);
    float sums[4][4] = {};
#pragma unroll 4
    for (int row = 0; row < rows; row++) {
      float4 av = load4(a + row * gradient_pitch);
      float4 bv = load4(b + row * input_pitch);
      float as[4] = {av.x, av.y, av.z, av.w};
#pragma unroll
      for (int i = 0; i < 4; i++) {
        sums[i][0] = fmaf(as[i], bv.x, sums[i][0]);
        sums[i][1] = fmaf(as[i], bv.y, sums[i][1]);
        sums[i][2] = fmaf(as[i], bv.z, sums[i][2]);
        sums[i][3] = fmaf(as[i], bv.w, sums[i][3]);
      }
    }
    if (column >= columns) return;
    bool vectors = layer.inputs % 4 == 0 && is_aligned16(share + layer.weights);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (output + i >= layer.outputs) break;
      float* to = share + layer.weights + static_cast<int64>(output + i) * layer.inputs + first + column;
      if (vectors) {
        float4 before = accumulate ? load4(to) : make_float4(0, 0, 0, 0);
        store4(to, make_float4(before.x + sums[i][0], before.y + sums[i][1], before.z + sums[i][2],
                               before.w + sums[i][3]));
      } else {
#pragma unroll
        for (int j = 0; j < 4; j++) {
          if (column + j < columns) to[j] = accumulate ? to[j] + sums[i][j] : sums[i][j];
        }
      }
    }
  }

  // All of dW that `columns` of the inputs, from `first` on, have a part in.
  __device__ __forceinline__ void weights_tiles(const FusedLayer& layer, const float* input, int input_pitch, int first,
                                                int columns, float* share, bool accumulate) const {
    int down = (layer.outputs + kTileRows - 1) / kTileRows;
    int tiles = down * ((columns + kTileColumns - 1) / kTileColumns);
    for (int tile = warp(); tile < tiles; tile += blockDim.x / kWarp) {
      weights_tile(layer, input, input_pitch, first, columns, tile % down * kTileRows, tile / down * kTileColumns, share,
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
      fetch_input(stage, kInputPitch, step * kInputColumns, kInputColumns, layer.inputs);
      commit_copies();
    };
    auto use = [&](int step, const float* stage) {
      int first = step * kInputColumns;
      weights_tiles(layer, stage, kInputPitch, first, min(kInputColumns, layer.inputs - first), share, accumulate);
    };
    stream((layer.inputs + kInputColumns - 1) / kInputColumns, fetch,
           [&] { bias_gradient(layer, share, accumulate); }, use);
    __syncthreads();
  }

  // dW, db, and dZ of the layer below = (dZ W) * f'(saved), over that layer's output. W lies across k.
  __device__ void backward(int l, float* share, bool accumulate) const {
    FusedLayer layer = layers[l];
    FusedLayer below = layers[l - 1];
    int inputs = layer.inputs;
    int outputs = layer.outputs;
    int input_pitch = pitch(inputs);
    int gradient_pitch = pitch(outputs);
    const float* weights = parameters + layer.weights;
    bool vectors = inputs % 4 == 0 && is_aligned16(weights);
    const float* gradient = shared + layer.gradient;
    float* result = shared + below.output;
    int row = tile_row(warp()) + lane() / 8;
    int column = tile_column(warp()) + lane() % 8 * 4;
    bool busy = tile_column(warp()) < inputs;
    float sums[4][4] = {};

    auto fetch = [&](int step, float* stage) {
      int across = quads(inputs) / 4;
      for (int i = threadIdx.x; i < kDepth * across; i += blockDim.x) {
        int depth = i / across;
        int at = i % across * 4;
        int output = step * kDepth + depth;
        if (output >= quads(outputs)) break;
        bool there = output < outputs;
        copy4(stage + depth * input_pitch + at, weights + static_cast<int64>(there ? output : 0) * inputs + at,
              there ? min(inputs - at, 4) : 0, vectors);
      }
      commit_copies();
    };
    auto use = [&](int step, const float* stage) {
      if (!busy) return;
      int depth = min(kDepth, quads(outputs - step * kDepth));
      const float* a = gradient + step * kDepth + row * gradient_pitch;
      const float* b = stage + min(column, quads(inputs) - 4);
#pragma unroll 2
      for (int k = 0; k < depth; k += 4) {
        float4 av[4];
        float4 bv[4];
#pragma unroll
        for (int i = 0; i < 4; i++) av[i] = load4(a + 4 * i * gradient_pitch + k);
#pragma unroll
        for (int d = 0; d < 4; d++) bv[d] = load4(b + (k + d) * input_pitch);
#pragma unroll
        for (int i = 0; i < 4; i++) {
          float as[4] = {av[i].x, av[i].y, av[i].z, av[i].w};
#pragma unroll
          for (int d = 0; d < 4; d++) {
            sums[i][0] = fmaf(as[d], bv[d].x, sums[i][0]);
            sums[i][1] = fmaf(as[d], bv[d].y, sums[i][1]);
            sums[i][2] = fmaf(as[d], bv[d].z, sums[i][2]);
            sums[i][3] = fmaf(as[d], bv[d].w, sums[i][3]);
          }
        }
      }
    };
    auto meanwhile = [&] {
      weights_tiles(layer, result, input_pitch, 0, inputs, share, accumulate);
      bias_gradient(layer, share, accumulate);
    };
    stream((outputs + kDepth - 1) / kDepth, fetch, meanwhile, use);

    Activation activation(below.activation, below.p, below.q);
    if (busy && column < inputs) {
#pragma unroll 1
      for (int i = 0; i < 4; i++) {
        int place = (row + 4 * i) * input_pitch + column;
        float values[4];
#pragma unroll
        for (int j = 0; j < 4; j++) values[j] = sums[0][j];
        shift(sums);
        if (below.saved >= 0) {
          float saved[4];
          *reinterpret_cast<float4*>(saved) = load4(shared + below.saved + place);
          differentiate(activation, values, saved);
        }
#pragma unroll
        for (int j = 0; j < 4; j++) values[j] = column + j < inputs ? values[j] : 0.0f;
        store4(result + place, make_float4(values[0], values[1], values[2], values[3]));
      }
    }
    __syncthreads();
  }
};

// `formula` is the number of an elementwise loss, or -1 for cross-entropy, whose smoothing is `a`; `others` are that one's
// factors, or positive weights. `shares` has `length` elements for each block.
extern "C" __global__ __launch_bounds__(kMaxThreads, 1) void fused_mlp_step(
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
  Slab slab{table, parameters, features, rows_of, stages + 2 * stage_floats, stages, stage_floats, capacity, 0};
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
      const float* prediction = slab.shared + last.output + row * pitch(last.outputs);
      float* gradient = slab.shared + last.gradient + row * pitch(last.outputs);
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

// Gradients = share 0 + share 1 + ...: warp w of a block adds those numbered w, w + 8, ..., then the warps' sums are added
// in their order. A block has 128 elements and the sum of their squares; `length` is a multiple of 4. Reads 4 bytes an
// element and share, writes 4.
extern "C" __global__ __launch_bounds__(kFinishBlock) void fused_mlp_finish(const float* shares, int count,
                                                                            int64 length, float* gradients,
                                                                            float* square_partials) {
  constexpr int kWarps = kFinishBlock / kWarp;
  __shared__ float4 scratch[kWarps][kWarp];
  int lane = threadIdx.x % kWarp;
  int warp = threadIdx.x / kWarp;
  int64 at = (static_cast<int64>(blockIdx.x) * kWarp + lane) * 4;
  float4 sum = make_float4(0, 0, 0, 0);
  bool vectors = is_aligned16(shares) && is_aligned16(gradients);
  if (at < length) {
#pragma unroll 4
    for (int i = warp; i < count; i += kWarps) {
      const float* from = shares + i * length + at;
      float4 share = vectors ? load4(from) : make_float4(from[0], from[1], from[2], from[3]);
      sum = make_float4(sum.x + share.x, sum.y + share.y, sum.z + share.z, sum.w + share.w);
    }
  }
  scratch[warp][lane] = sum;
  __syncthreads();
  if (warp > 0) return;
  for (int w = 1; w < min(kWarps, count); w++) {
    float4 other = scratch[w][lane];
    sum = make_float4(sum.x + other.x, sum.y + other.y, sum.z + other.z, sum.w + other.w);
  }
  if (at < length && vectors) {
    store4(gradients + at, sum);
  } else if (at < length) {
    gradients[at] = sum.x;
    gradients[at + 1] = sum.y;
    gradients[at + 2] = sum.z;
    gradients[at + 3] = sum.w;
  }
  float squares = fmaf(sum.x, sum.x, fmaf(sum.y, sum.y, fmaf(sum.z, sum.z, sum.w * sum.w)));
  squares = warp_sum(squares);
  if (lane == 0) square_partials[blockIdx.x] = squares;
}
