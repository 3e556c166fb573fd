// Which checks run: bits, set from Java or by the environment variable TALWEG_CHECK, read at each launch and allocation.
#pragma once

#include <atomic>
#include <cstdint>

namespace talweg::check {

// In the order of SoftwareDriver.Check.
enum Check : uint32_t {
  kBounds = 1,         // every access lies in a live allocation; misaligned ones are an error of the device itself
  kUninitialised = 2,  // what is read was written before
  kRaces = 4,          // threads that meet in shared memory are ordered by a barrier
  kBarriers = 8,       // the lanes of a warp reach an aligned barrier together
  kLeaks = 16,         // nothing is allocated any more when a context is destroyed
  kGlobalRaces = 32,   // blocks that meet in global memory are ordered by atomics
  kAll = 63,
};

// "all", "none" or names with commas; without it, bounds alone.
std::atomic<uint32_t>& switches();
inline bool on(Check check) { return (switches().load(std::memory_order_relaxed) & check) != 0; }

}  // namespace talweg::check
