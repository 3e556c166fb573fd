// What this device claims to be. Shared by the attribute queries, the launch checks and the occupancy calculation.
#pragma once

namespace talweg::driver {

constexpr int kDriverVersion = 12090;
constexpr char kDeviceName[] = "Talweg software device";

// An Ampere of the first kind: what kernels for Turing to Hopper can count on, down to shared memory sizes.
constexpr int kComputeMajor = 8;
constexpr int kComputeMinor = 0;
constexpr int kMultiprocessors = 8;
constexpr int kWarpSize = 32;
constexpr int kMaxThreadsPerBlock = 1024;
constexpr int kMaxBlockDim[3] = {1024, 1024, 64};
constexpr unsigned kMaxGridDim[3] = {2147483647u, 65535u, 65535u};
constexpr int kMaxThreadsPerMultiprocessor = 2048;
constexpr int kMaxBlocksPerMultiprocessor = 32;
constexpr int kRegistersPerMultiprocessor = 65536;
constexpr int kSharedPerBlock = 48 * 1024;
constexpr int kSharedPerBlockOptIn = 163 * 1024;
constexpr int kSharedPerMultiprocessor = 164 * 1024;
constexpr int kSharedReservedPerBlock = 1024;

// Blocks of one kernel that a multiprocessor holds at a time. PTX has no registers to count, so they set no limit.
int blocks_per_multiprocessor(int threads, long long shared_bytes);

}  // namespace talweg::driver
