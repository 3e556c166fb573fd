// Tensor cores and asynchronous copies: one wrapper an instruction, named after its section of the PTX ISA manual.
// Compute capability 8.0 and up.
#pragma once
#include "common.cuh"

__device__ __forceinline__ uint32 shared_address(const void* pointer) {
  return static_cast<uint32>(__cvta_generic_to_shared(pointer));
}

// "cp.async": 16 bytes from global to shared memory past the registers.
__device__ __forceinline__ void copy_async16(uint32 shared, const void* global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;\n" ::"r"(shared), "l"(global) : "memory");
}

// Zero behind the first `bytes` of them.
__device__ __forceinline__ void copy_async16(uint32 shared, const void* global, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared), "l"(global), "r"(bytes) : "memory");
}

// 8 bytes, likewise.
__device__ __forceinline__ void copy_async8(uint32 shared, const void* global, int bytes) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;\n" ::"r"(shared), "l"(global), "r"(bytes) : "memory");
}

// 4 bytes, or zeros where `bytes` is 0.
__device__ __forceinline__ void copy_async4(uint32 shared, const void* global, int bytes) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;\n" ::"r"(shared), "l"(global), "r"(bytes) : "memory");
}

// "cp.async.commit_group": what this thread has started since the last one is a group.
__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;\n" ::: "memory");
}

// "cp.async.wait_group": until at most PENDING of this thread's groups are on their way.
template <int PENDING>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(PENDING) : "memory");
}

// "ldmatrix": four 8x8 matrices of 16-bit elements, here 8x4 of 32 bits. Lane l gives the address of row l % 8 of
// matrix l / 8, and gets of each matrix element l % 4 of row l / 4.
__device__ __forceinline__ void load_matrices(uint32 (&words)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(shared_address(row))
               : "memory");
}

// The same matrices, of each element l / 4 of rows 2 (l % 4) and 2 (l % 4) + 1.
__device__ __forceinline__ void load_transposed(uint32 (&words)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(shared_address(row))
               : "memory");
}

// "cvt.rna.tf32.f32": the nearest number with 10 bits behind the point, ties away from zero.
__device__ __forceinline__ uint32 to_tf32(float value) {
  uint32 result;
  asm("cvt.rna.tf32.f32 %0, %1;\n" : "=r"(result) : "f"(value));
  return result;
}

// "cvt.rn.bf16x2.f32": the first value in the lower half.
__device__ __forceinline__ uint32 to_bf16(float low, float high) {
  uint32 result;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;\n" : "=r"(result) : "f"(high), "f"(low));
  return result;
}

// "mma.sync.aligned.m16n8k8": C += A B for a 16x8 tile of C. With g = lane / 4 and t = lane % 4, this thread holds
// A(g, t), A(g + 8, t), A(g, t + 4), A(g + 8, t + 4); B(t, g), B(t + 4, g); C(g, 2t), C(g, 2t + 1), C(g + 8, 2t),
// C(g + 8, 2t + 1).
__device__ __forceinline__ void multiply_tf32(float& c0, float& c1, float& c2, float& c3, const uint32 (&a)[4],
                                              const uint32 (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};\n"
      : "+f"(c0), "+f"(c1), "+f"(c2), "+f"(c3)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// "mma.sync.aligned.m16n8k16": the same with pairs of neighbours along k: A(g, 2t..), A(g + 8, 2t..), A(g, 2t + 8..),
// A(g + 8, 2t + 8..); B(2t.., g), B(2t + 8.., g).
__device__ __forceinline__ void multiply_bf16(float& c0, float& c1, float& c2, float& c3, const uint32 (&a)[4],
                                              const uint32 (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};\n"
      : "+f"(c0), "+f"(c1), "+f"(c2), "+f"(c3)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
