// Who meets in global memory, seen from one block: its accesses, told to the BlockMeetings of the allocations they touch.
// Atomics and volatile accesses hand over what the whole block did, and take over what others have handed over.
#pragma once

#include <cstdint>

#include "../exec/memory_access.hpp"

namespace talweg::check {

class GlobalMeetings {
 public:
  explicit GlobalMeetings(exec::Block& block) : block_(block) {}
  void begin() {  // of a block
    acquired_ = 0;
    acquires_ = unreleased_ = false;
  }

  // For launches that have BlockTimes. False if it was reported.
  bool access(exec::Warp& warp, const exec::Instr& in, uint32_t active, uint32_t bytes, exec::Access access,
              const exec::Located& located);

 private:
  exec::Block& block_;
  uint32_t acquired_ = 0;    // when the block last took over what others did, in the launch's BlockTimes
  bool acquires_ = false;    // it does so before its next plain access
  bool unreleased_ = false;  // it has accessed global memory since it last handed over
};

}  // namespace talweg::check
