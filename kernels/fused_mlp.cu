// A training step of a multilayer perceptron but for its update, in one kernel, with products in float32, and the sum of
// the blocks' shares of its gradients. All three products read their operands as they lie, 16 bytes at a time.
// Needs compute capability 8.0: copies are asynchronous.
#include "fused_mlp.cuh"

constexpr int kFinishBlock = 256;
constexpr int kPitch = kDepth + 4;

// 16 x 32 sums a warp, 4 x 4 a thread, lanes 4 x 8.
struct Float32Slab : Slab<Float32Slab, 4, 2> {
  // A = f(X W^T + b): both operands lie along k, and are read four depths at a time.
  __device__ void forward(int l) const {
    FusedLayer layer = layers[l];
    int inputs = layer.inputs;
    int outputs = layer.outputs;
    int input_pitch = l == 0 ? kPitch : pitch(inputs);
    const float* input = l == 0 ? nullptr : shared + layers[l - 1].output;
    int weights_at = l == 0 ? capacity * kPitch : 0;
    int row = tile_row(warp()) + lane() / 8;
    int column = tile_column(warp()) + lane() % 8;
    bool busy = tile_column(warp()) < outputs;
    float sums[4][4] = {};

    auto fetch = [&](int step, float* stage) {
      fetch_along(layer, step, stage + weights_at, [](int output, int depth) { return output * kPitch + depth; });
      if (l == 0) {
        fetch_input(stage, step * kDepth, kDepth, inputs, padded(inputs),
                    [](int row, int column) { return row * kPitch + column; });
      }
    };
    auto use = [&](int step, const float* stage) {
      if (!busy) return;
      int depth = min(kDepth, padded(inputs - step * kDepth));
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

  // Four values, eight columns apart; zero in what fills up the last quad.
  static __device__ __forceinline__ void store(float* to, int column, int columns, const float (&values)[4]) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      int at = column + 8 * j;
      if (at < padded(columns)) to[8 * j] = at < columns ? values[j] : 0.0f;
    }
  }

  // A warp's tile of dW = dZ^T A over the slab's rows, in their order: into the block's share, or added to it.
  // `input` has `columns` of the layer's inputs, from `first` on.
  __device__ __forceinline__ void weights_tile(const FusedLayer& layer, const float* input, int input_pitch, int first,
                                               int columns, int tile_row, int tile_column, float* share,
                                               bool accumulate) const {
    int output = tile_row + lane() / 8 * 4;
    int column = tile_column + lane() % 8 * 4;
    int gradient_pitch = pitch(layer.outputs);
    const float* a = shared + layer.gradient + min(output, padded(layer.outputs) - 4);
    const float* b = input + min(column, padded(columns) - 4);
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

  // dW, db, and dZ of the layer below = (dZ W) * f'(saved), over that layer's output. W lies across k.
  __device__ void backward(int l, float* share, bool accumulate) const {
    FusedLayer layer = layers[l];
    FusedLayer below = layers[l - 1];
    int inputs = layer.inputs;
    int outputs = layer.outputs;
    int input_pitch = pitch(inputs);
    int gradient_pitch = pitch(outputs);
    const float* gradient = shared + layer.gradient;
    float* result = shared + below.output;
    int row = tile_row(warp()) + lane() / 8;
    int column = tile_column(warp()) + lane() % 8 * 4;
    bool busy = tile_column(warp()) < inputs;
    float sums[4][4] = {};

    auto fetch = [&](int step, float* stage) { fetch_across(layer, step, stage); };
    auto use = [&](int step, const float* stage) {
      if (!busy) return;
      int depth = min(kDepth, padded(outputs - step * kDepth));
      const float* a = gradient + step * kDepth + row * gradient_pitch;
      const float* b = stage + min(column, padded(inputs) - 4);
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

TALWEG_FUSED_STEP(fused_mlp_step, Float32Slab)

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
