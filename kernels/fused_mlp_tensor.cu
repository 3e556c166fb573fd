// The fused training step of fused_mlp.cu on tensor cores, with sums in float32. Everything in shared memory stays float32:
// what lies between the layers, dZ, and the weights as they are streamed. Operands are rounded on their way into the
// tensor cores, as in dense_tensor.cu and to the same bits, so that bias, activation, derivative, loss and db are computed
// from what was not rounded, in the epilogues, as there. Rows in shared memory are zero up to whole 16 columns, and a
// slab's rows that are not there are zero too: all sums run over whole instructions.
//
// A warp has 16x32 of a result as four pieces of 16x8, of which this lane holds C(g, 2t), C(g, 2t + 1), C(g + 8, 2t) and
// C(g + 8, 2t + 1), with g = lane / 4 and t = lane % 4. Which column or depth is called which within the instruction is
// free as long as both operands agree, and is chosen so that no access meets another in a bank, all rows being an odd
// number of quads apart:
// - A piece's columns, but for dW: neighbours four by four, the fours 16 apart (`column`). Thus pairs of results are
//   stored without conflict, and W across k, of dX, is read so.
// - What lies along k (X, A, and dZ in dX) comes by ldmatrix, 4 depths of 8 rows a matrix: this lane has depth t of each.
//   What lies across k (W in dX, and both operands of dW, summed over rows) it reads value by value: in dX depths t, in
//   dW the neighbours 2t and 2t + 1.
// - dW's columns are in their order, for its results go to memory: four lanes store a sector.
// dW of a slab is a sum over its rows in registers, and is added to the block's share.
// Needs compute capability 8.0: tensor cores for tf32 and bfloat16.
#include "fused_mlp.cuh"
#include "tensor_precision.cuh"

constexpr int kChunk = 16;  // of k, whose operands are loaded at once
constexpr int kPieces = 4;
constexpr int kPitch = kDepth + 4;

__device__ __forceinline__ int lane_group() { return threadIdx.x % kWarp / 4; }
__device__ __forceinline__ int lane_pair() { return threadIdx.x % 4; }

// Within 32 columns, the one that is number i of a piece.
__device__ __forceinline__ int piece_column(int piece, int i) { return piece * 4 + i % 4 + i / 4 * 16; }

// A column that is not there: one that is, and that another lane of the piece reads anyway, or all do.
__device__ __forceinline__ int existing(int column, int columns) {
  return column < columns ? column : min(column & ~16, columns - 1);
}

// Where an element of W lies in a stage of the forward product: the rows that a piece has are apart in all banks.
__device__ __forceinline__ int weights_place(int output, int depth) {
  return output * kPitch + (depth ^ (output & 16));
}

// Sixteen depths of an operand's values in this lane: A's two rows, or a column of B.
template <Precision PRECISION, typename A, typename B>
__device__ __forceinline__ void multiply_chunk(float (&sums)[kPieces][4], A load_a, B load_b) {
  using Product = TensorProduct<PRECISION>;
  constexpr int kSteps = kChunk / Product::kStep;
  float upper[kSteps][Product::kValues];
  float lower[kSteps][Product::kValues];
  uint32 as[kSteps][Product::kParts][4];
  load_a(reinterpret_cast<float(&)[4]>(upper), reinterpret_cast<float(&)[4]>(lower));
#pragma unroll
  for (int s = 0; s < kSteps; s++) Product::round(upper[s], lower[s], as[s]);
#pragma unroll
  for (int piece = 0; piece < kPieces; piece++) {
    float values[kSteps][Product::kValues];
    load_b(piece, reinterpret_cast<float(&)[4]>(values));
#pragma unroll
    for (int s = 0; s < kSteps; s++) {
      uint32 bs[Product::kParts][2];
      Product::round(values[s], bs);
      Product::multiply(sums[piece][0], sums[piece][1], sums[piece][2], sums[piece][3], as[s], bs);
    }
  }
}

// A's 16 rows of 16 depths that lie along k; `from` is this lane's row and quad of the first eight.
__device__ __forceinline__ void load_along(const float* from, float (&upper)[4], float (&lower)[4]) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    uint32 words[4];
    load_matrices(words, from + half * 8);
    upper[half * 2] = __uint_as_float(words[0]);
    lower[half * 2] = __uint_as_float(words[1]);
    upper[half * 2 + 1] = __uint_as_float(words[2]);
    lower[half * 2 + 1] = __uint_as_float(words[3]);
  }
}

template <Precision PRECISION>
struct TensorSlab : Slab<TensorSlab<PRECISION>, kChunk, 3> {
  using Base = Slab<TensorSlab<PRECISION>, kChunk, 3>;
  using Base::capacity;
  using Base::lane;
  using Base::layers;
  using Base::padded;
  using Base::parameters;
  using Base::pitch;
  using Base::rows;
  using Base::shared;
  using Base::shift;
  using Base::tile_column;
  using Base::tile_row;
  using Base::warp;

  // This lane's row and quad within 16 rows that lie along k.
  static __device__ __forceinline__ int place_along(int row_pitch) {
    return lane() % 16 * row_pitch + lane() / 16 * 4;
  }

  // A = f(X W^T + b).
  __device__ void forward(int l) const {
    const FusedLayer& layer = layers[l];
    int inputs = layer.inputs;
    int outputs = layer.outputs;
    int input_pitch = l == 0 ? kPitch : pitch(inputs);
    const float* input = l == 0 ? nullptr : shared + layers[l - 1].output;
    int weights_at = l == 0 ? capacity * kPitch : 0;
    int row = tile_row(warp());
    int column = tile_column(warp());
    bool busy = column < outputs;
    float sums[kPieces][4] = {};

    auto fetch = [&](int step, float* stage) {
      this->fetch_along(layer, step, stage + weights_at, weights_place);
      if (l == 0) {
        this->fetch_input(stage, step * kDepth, kDepth, inputs, padded(inputs),
                          [](int r, int c) { return r * kPitch + c; });
      }
    };
    auto use = [&](int step, const float* stage) {
      if (!busy) return;
      int depth = min(kDepth, padded(inputs - step * kDepth));
      const float* a = (l == 0 ? stage : input + step * kDepth) + row * input_pitch + place_along(input_pitch);
#pragma unroll 1
      for (int k = 0; k < depth; k += kChunk) {
        multiply_chunk<PRECISION>(
            sums, [&](float(&upper)[4], float(&lower)[4]) { load_along(a + k, upper, lower); },
            [&](int piece, float(&values)[4]) {
              int output = existing(column + piece_column(piece, lane() % 8), outputs);
              uint32 words[4];
              load_matrices(words, stage + weights_at + weights_place(output, k + lane() / 8 * 4));
#pragma unroll
              for (int i = 0; i < 4; i++) values[i] = __uint_as_float(words[i]);
            });
      }
    };
    this->stream((inputs + kDepth - 1) / kDepth, fetch, [] {}, use);

    Activation activation(layer.activation, layer.p, layer.q);
    float* output = shared + layer.output;
    float* saved = layer.saved >= 0 && layer.saved != layer.output ? shared + layer.saved : nullptr;
    if (busy) {
      // A loop, in which values move up in registers, so that the activations' code stands once.
#pragma unroll 1
      for (int piece = 0; piece < kPieces; piece++) {
        int at = column + piece_column(piece, lane_pair() * 2);
        float bias[2];
#pragma unroll
        for (int j = 0; j < 2; j++) bias[j] = layer.bias >= 0 && at + j < outputs ? parameters[layer.bias + at + j] : 0.0f;
        float z[4];
#pragma unroll
        for (int i = 0; i < 4; i++) z[i] = sums[0][i] + bias[i % 2];
        shift(sums);
        if (saved) store(saved, row, at, outputs, z);
        activate(activation, z);
        store(output, row, at, outputs, z);
      }
    }
    __syncthreads();
  }

  // This lane's four values of a piece, from column `at` on; zero where there is no such row or column.
  __device__ __forceinline__ void store(float* to, int row, int at, int columns, const float (&values)[4]) const {
    if (at >= padded(columns)) return;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int r = row + lane_group() + half * 8;
      float first = r < rows && at < columns ? values[half * 2] : 0.0f;
      float second = r < rows && at + 1 < columns ? values[half * 2 + 1] : 0.0f;
      *reinterpret_cast<float2*>(to + r * pitch(columns) + at) = make_float2(first, second);
    }
  }

  // A warp's tile of dW = dZ^T A over the slab's rows: into the block's share, or added to it. `input` has `columns` of
  // the layer's inputs, from `first` on.
  __device__ __forceinline__ void weights_tile(const FusedLayer& layer, const float* input, int input_pitch, int first,
                                               int columns, int tile_row, int tile_column, float* share,
                                               bool accumulate) const {
    int gradient_pitch = pitch(layer.outputs);
    const float* a = shared + layer.gradient + tile_row + lane_group() + lane_pair() * 2 * gradient_pitch;
    const float* b = input + lane_pair() * 2 * input_pitch;
    float sums[kPieces][4] = {};
#pragma unroll 1
    for (int k = 0; k < rows; k += kChunk) {
      multiply_chunk<PRECISION>(
          sums,
          [&](float(&upper)[4], float(&lower)[4]) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
              const float* from = a + (k + i / 2 * 8 + i % 2) * gradient_pitch;
              upper[i] = from[0];
              lower[i] = from[8];
            }
          },
          [&](int piece, float(&values)[4]) {
            int column = min(tile_column + piece * 8 + lane_group(), columns - 1);
#pragma unroll
            for (int i = 0; i < 4; i++) values[i] = b[(k + i / 2 * 8 + i % 2) * input_pitch + column];
          });
    }
    bool vectors = layer.inputs % 4 == 0 && is_aligned16(share + layer.weights);
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int output = tile_row + lane_group() + half * 8;
      if (output >= layer.outputs) break;
      float* row = share + layer.weights + static_cast<int64>(output) * layer.inputs + first;
#pragma unroll
      for (int piece = 0; piece < kPieces; piece++) {
        int column = tile_column + piece * 8 + lane_pair() * 2;
        if (column >= columns) break;
        float* to = row + column;
        float one = sums[piece][half * 2];
        float two = sums[piece][half * 2 + 1];
        if (vectors) {
          float2* pair = reinterpret_cast<float2*>(to);
          float2 before = accumulate ? *pair : make_float2(0, 0);
          *pair = make_float2(before.x + one, before.y + two);
        } else {
          to[0] = accumulate ? to[0] + one : one;
          if (column + 1 < columns) to[1] = accumulate ? to[1] + two : two;
        }
      }
    }
  }

  // dW, db, and dZ of the layer below = (dZ W) * f'(saved), over that layer's output.
  __device__ void backward(int l, float* share, bool accumulate) const {
    const FusedLayer& layer = layers[l];
    const FusedLayer& below = layers[l - 1];
    int inputs = layer.inputs;
    int outputs = layer.outputs;
    int input_pitch = pitch(inputs);
    int gradient_pitch = pitch(outputs);
    float* result = shared + below.output;
    int row = tile_row(warp());
    int column = tile_column(warp());
    bool busy = column < inputs;
    float sums[kPieces][4] = {};

    auto fetch = [&](int step, float* stage) { this->fetch_across(layer, step, stage); };
    auto use = [&](int step, const float* stage) {
      if (!busy) return;
      int depth = min(kDepth, padded(outputs - step * kDepth));
      const float* a = shared + layer.gradient + step * kDepth + row * gradient_pitch + place_along(gradient_pitch);
      const float* b = stage + lane_pair() * input_pitch;
#pragma unroll 1
      for (int k = 0; k < depth; k += kChunk) {
        multiply_chunk<PRECISION>(
            sums, [&](float(&upper)[4], float(&lower)[4]) { load_along(a + k, upper, lower); },
            [&](int piece, float(&values)[4]) {
              int at = existing(column + piece_column(piece, lane_group()), inputs);
#pragma unroll
              for (int i = 0; i < 4; i++) values[i] = b[(k + i * 4) * input_pitch + at];
            });
      }
    };
    auto meanwhile = [&] {
      this->weights_tiles(layer, result, input_pitch, 0, inputs, share, accumulate);
      this->bias_gradient(layer, share, accumulate);
    };
    this->stream((outputs + kDepth - 1) / kDepth, fetch, meanwhile, use);

    Activation activation(below.activation, below.p, below.q);
    if (busy) {
#pragma unroll 1
      for (int piece = 0; piece < kPieces; piece++) {
        int at = column + piece_column(piece, lane_pair() * 2);
        float values[4];
#pragma unroll
        for (int i = 0; i < 4; i++) values[i] = sums[0][i];
        shift(sums);
        if (below.saved >= 0 && at < padded(inputs)) {
          float saved[4];
#pragma unroll
          for (int half = 0; half < 2; half++) {
            int place = (row + lane_group() + half * 8) * input_pitch + at;
            float2 two = *reinterpret_cast<const float2*>(shared + below.saved + place);
            saved[half * 2] = two.x;
            saved[half * 2 + 1] = two.y;
          }
          differentiate(activation, values, saved);
        }
        store(result, row, at, inputs, values);
      }
    }
    __syncthreads();
  }
};

TALWEG_FUSED_STEP(fused_mlp_step_tf32, TensorSlab<kTf32>)
TALWEG_FUSED_STEP(fused_mlp_step_tf32x3, TensorSlab<kTf32x3>)
TALWEG_FUSED_STEP(fused_mlp_step_bf16, TensorSlab<kBf16>)
