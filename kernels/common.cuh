// What every kernel family uses: indices, 16-byte access, and reductions in a fixed order.
#pragma once

typedef long long int64;
typedef unsigned int uint32;
typedef unsigned long long uint64;

constexpr int kWarp = 32;
constexpr unsigned kFullMask = 0xffffffffu;
#define kInfinity __int_as_float(0x7f800000)
#define kNaN __int_as_float(0x7fffffff)

// Global thread number and count, in 64 bits: element counts pass 2^31.
__device__ __forceinline__ int64 global_thread() {
  return static_cast<int64>(blockIdx.x) * blockDim.x + threadIdx.x;
}

__device__ __forceinline__ int64 global_threads() {
  return static_cast<int64>(gridDim.x) * blockDim.x;
}

__device__ __forceinline__ bool is_aligned16(const void* pointer) {
  return (reinterpret_cast<uint64>(pointer) & 15) == 0;
}

// Sum over a warp, the same bits in every lane: at each step both partners add the same two numbers.
template <typename T>
__device__ __forceinline__ T warp_sum(T value) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(kFullMask, value, offset);
  }
  return value;
}

// Sum over a block of whole warps, the same bits in every thread. `scratch` holds one element per warp, and may be
// used again after the next barrier.
template <int THREADS, typename T>
__device__ __forceinline__ T block_sum(T value, T* scratch) {
  constexpr int kWarps = THREADS / kWarp;
  value = warp_sum(value);
  if (threadIdx.x % kWarp == 0) scratch[threadIdx.x / kWarp] = value;
  __syncthreads();
  T total = 0;
#pragma unroll
  for (int i = 0; i < kWarps; i++) total += scratch[i];
  __syncthreads();
  return total;
}

// Calls body(i) for every element, four at a time where all pointers allow 16-byte access: the caller gives
// vector_body(first element) and scalar_body(element). One-shot or grid-stride, whatever the launch.
template <typename VectorBody, typename ScalarBody>
__device__ __forceinline__ void for_each_element(int64 length, bool vectors, VectorBody vector_body,
                                                 ScalarBody scalar_body) {
  int64 quads = vectors ? length / 4 : 0;
  for (int64 quad = global_thread(); quad < quads; quad += global_threads()) vector_body(quad * 4);
  for (int64 i = quads * 4 + global_thread(); i < length; i += global_threads()) scalar_body(i);
}

__device__ __forceinline__ float4 load4(const float* pointer) {
  return *reinterpret_cast<const float4*>(pointer);
}

__device__ __forceinline__ void store4(float* pointer, float4 value) {
  *reinterpret_cast<float4*>(pointer) = value;
}
