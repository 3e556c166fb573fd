// What a launch costs, counted on PTX: instructions, 32-byte sectors of global memory, wavefronts of shared memory.
// The counts do not depend on the number of CPU threads; a launch that is counted runs its warps in plain order.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "instruction_class.hpp"

namespace talweg::count {

std::atomic<bool>& counting();  // whether launches are counted; TALWEG_PROFILE

enum Number : int {
  kIssued,  // by class, as the next ones
  kActiveLanes = kIssued + kClasses,
  kLoadRequests = kActiveLanes + kClasses,  // requests: warp instructions on global memory
  kLoadSectors,
  kLoadIdealSectors,  // if the same bytes lay side by side
  kStoreRequests,
  kStoreSectors,
  kStoreIdealSectors,
  kAtomicRequests,
  kAtomicSectors,
  kSharedRequests,
  kSharedWavefronts,
  kSharedIdealWavefronts,  // without bank conflicts
  kLocalRequests,
  kBarriers,  // completed, of a block
  kBranches,  // conditional, executed by a warp
  kDivergentBranches,
  kNumbers,
};
using Numbers = std::array<uint64_t, kNumbers>;

// Which sectors of one allocation a launch has read and written.
class Sectors {
 public:
  Sectors(uint64_t base, uint64_t bytes);
  void touch(uint64_t address, bool reads, bool writes);
  uint64_t read() const { return total(read_); }
  uint64_t written() const { return total(written_); }

 private:
  using Bits = std::unique_ptr<std::atomic<uint64_t>[]>;
  static void set(Bits& bits, uint64_t sector);
  uint64_t total(const Bits& bits) const;

  uint64_t first_, words_;
  Bits read_, written_;
};

class LaunchCounts {
 public:
  // Of the allocation with these bounds; the pointer lives as long as the launch.
  Sectors* sectors(uint64_t base, uint64_t bytes);
  void add(const Numbers& numbers);  // a block's

  // Remembers the launch for take_profile().
  void finish(const std::string& kernel, const uint32_t* grid, const uint32_t* block, uint32_t shared_bytes);

 private:
  std::mutex mutex_;
  std::map<uint64_t, std::unique_ptr<Sectors>> sectors_;
  Numbers numbers_{};
};

// A line for each launch since the last call: numbers of grid, block and shared bytes, distinct sectors read and
// written, Numbers, and last the kernel's name.
std::string take_profile();

}  // namespace talweg::count
