// Counts of one block while it runs.
#pragma once

#include "../exec/memory_access.hpp"
#include "launch_counts.hpp"

namespace talweg::count {

class BlockCounts {
 public:
  BlockCounts(exec::Block& block, LaunchCounts& launch) : block_(block), launch_(launch) {}

  void instruction(exec::Warp& warp, const exec::Instr& in);
  void access(const exec::Instr& in, exec::Region region, uint32_t active, uint32_t bytes,
              exec::Access access, const exec::Located& located);
  void barrier() { numbers_[kBarriers]++; }
  // Hands all to the launch.
  void flush() {
    launch_.add(numbers_);
    numbers_ = {};
  }

 private:
  void global(const exec::Instr& in, int lanes, const uint64_t* addresses, uint32_t bytes, exec::Access access);
  void shared(uint32_t lanes, const uint64_t* addresses, uint32_t bytes);

  exec::Block& block_;
  LaunchCounts& launch_;
  Numbers numbers_{};
};

}  // namespace talweg::count
