// Runs one grid to its end. Called by the driver API's stream worker; blocks are spread over the CPU's threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "../memory/device_memory.hpp"
#include "../ptx/module.hpp"

namespace talweg::exec {

struct LaunchRequest {
  const ptx::Kernel* kernel = nullptr;
  uint32_t grid[3] = {1, 1, 1};
  uint32_t block[3] = {1, 1, 1};
  uint32_t cluster[3] = {1, 1, 1};  // blocks; divides the grid
  bool explicit_cluster = false;    // whether somebody asked for clusters
  uint32_t dynamic_shared_bytes = 0;
  const uint8_t* parameters = nullptr;  // kernel->parameter_bytes bytes
  bool cooperative = false;
};

// How this device runs kernels; set from Java or by environment, read at each launch.
struct Settings {
  std::atomic<uint64_t> schedule_seed{0};  // 0: blocks and warps in order; else seeded shuffling and warp splitting
  std::atomic<uint64_t> approximation_seed{0};  // 0: best effort; else errors within the documented bounds
  std::atomic<bool> truncating_mma{false};      // products of mma aligned and cut as tensor cores do, or summed exactly
  std::atomic<int> threads{0};             // 0: as many as the CPU has
  std::atomic<uint64_t> launch_limit{0};   // warp instructions of a launch; 0: as many as it wants
};
Settings& settings();

// Totals since the library was loaded or reset_counters().
struct Counters {
  std::atomic<uint64_t> launches{0};
  std::atomic<uint64_t> warp_instructions{0};
  std::atomic<uint64_t> lane_instructions{0};
};
Counters& counters();

// CUresult values a launch can end with.
enum class Status : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kLaunchOutOfResources = 701,
  kIllegalAddress = 700,
  kLaunchTimeout = 702,
  kMisalignedAddress = 716,
  kIllegalInstruction = 715,
  kAssert = 710,
  kLaunchFailed = 719,
  kCooperativeLaunchTooLarge = 720,
};

struct LaunchResult {
  Status status = Status::kSuccess;
  std::string report;  // on failure: kernel, source file and line, block, thread, address, allocation
};

LaunchResult launch(const LaunchRequest& request, DeviceMemory& memory);

}  // namespace talweg::exec
