// What the devices claim to be. Shared by the attribute queries, the launch checks and the occupancy calculation.
#pragma once

#include <cstddef>
#include <cstdint>

namespace talweg::driver {

constexpr int kDriverVersion = 12090;
constexpr char kDeviceName[] = "Talweg software device";
constexpr int kMaxDevices = 16;

constexpr int kMultiprocessors = 8;
constexpr int kWarpSize = 32;
constexpr int kMaxThreadsPerBlock = 1024;
constexpr unsigned kMaxClusterBlocks = 8, kMaxNonPortableClusterBlocks = 16;
constexpr int kMaxBlockDim[3] = {1024, 1024, 64};
constexpr unsigned kMaxGridDim[3] = {2147483647u, 65535u, 65535u};
constexpr int kRegistersPerMultiprocessor = 65536;
constexpr int kConstantBytes = 64 * 1024;
constexpr int kMaxPitch = 2147483647;
constexpr int kClockKilohertz = 1000000;
constexpr int kTextureAlignment = 512;
constexpr int kPitchAlignment = 32;                             // of textures
constexpr size_t kMostLinearElements = size_t{1} << 28;         // of a texture in plain memory
constexpr size_t kMostPitchedElements = 131072;                 // of its rows, and rows
constexpr int kSharedPerBlock = 48 * 1024;

// What differs between chips; CUDA C++ Programming Guide, technical specifications per compute capability.
struct Chip {
  int major, minor;
  int threads_per_multiprocessor;
  int blocks_per_multiprocessor;
  int shared_per_multiprocessor;
  int shared_per_block_opt_in;
  int shared_reserved_per_block;
};

// All devices are of one kind. An Ampere of the first sort (8.0) unless TALWEG_SOFTWARE_CAPABILITY or a call says
// otherwise: what kernels for Turing to Hopper can count on.
Chip chip();
// False for a compute capability that is not in the table. 0.0 is no wish any more.
bool set_chip(int major, int minor);
// True once a capability was asked for: PTX for a later one is then refused, as such a chip would.
bool chip_was_chosen();

// TALWEG_SOFTWARE_DEVICES, or as set; 1 at first.
int device_count();
bool set_device_count(int count);
inline bool is_device(int device) { return device >= 0 && device < device_count(); }

// Blocks of one kernel that a multiprocessor holds at a time. PTX has no registers to count, so they set no limit.
int blocks_per_multiprocessor(int threads, long long shared_bytes);

// Whether kernels may run in clusters of several blocks: from 9.0 on, and as long as no chip was asked for.
inline bool has_clusters() { return chip().major >= 9 || !chip_was_chosen(); }

}  // namespace talweg::driver
