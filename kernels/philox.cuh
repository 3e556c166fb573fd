// Philox 4x32-10 (Salmon et al., SC 2011, section 4.3), the same bits as org.talweg.tensor.Philox.
#pragma once
#include "common.cuh"

__device__ __forceinline__ uint4 philox(uint64 seed, uint64 stream, uint64 block) {
  uint4 c = make_uint4(static_cast<uint32>(block), static_cast<uint32>(block >> 32), static_cast<uint32>(stream),
                       static_cast<uint32>(stream >> 32));
  uint32 key0 = static_cast<uint32>(seed);
  uint32 key1 = static_cast<uint32>(seed >> 32);
#pragma unroll
  for (int round = 0; round < 10; round++) {
    uint32 high0 = __umulhi(0xD2511F53u, c.x);
    uint32 high1 = __umulhi(0xCD9E8D57u, c.z);
    c = make_uint4(high1 ^ c.y ^ key0, 0xCD9E8D57u * c.z, high0 ^ c.w ^ key1, 0xD2511F53u * c.x);
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

// [0, 1) from the upper 24 bits, exact.
__device__ __forceinline__ float uniform(uint32 word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

// (0, 1], for logarithms.
__device__ __forceinline__ float uniform_above_zero(uint32 word) {
  return static_cast<float>((word >> 8) + 1) * 0x1p-24f;
}
