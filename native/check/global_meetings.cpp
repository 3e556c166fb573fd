#include "global_meetings.hpp"

#include <sstream>

#include "block_meetings.hpp"
#include "store_registers.hpp"

namespace talweg::check {

using exec::Access;
using exec::Block;
using exec::Instr;
using exec::kLanes;
using exec::Located;
using exec::Shape;
using exec::Warp;

namespace {

// The lanes from `lane` on that touch one whole row between them, side by side; 0 if they do not.
uint32_t row_of_lanes(const Located& located, uint32_t active, uint32_t lane, uint32_t bytes, uint64_t offset) {
  const uint32_t count = BlockMeetings::kRow / bytes;
  if (offset % BlockMeetings::kRow != 0 || lane + count > kLanes || located.shape == Shape::kUniform) return 0;
  const uint32_t lanes = exec::kAllLanes >> (kLanes - count) << lane;
  if ((active & lanes) != lanes) return 0;
  if (located.shape == Shape::kSpread) {
    for (uint32_t i = 1; i < count; i++) {
      if (located.host[lane + i] != located.host[lane] + i * bytes) return 0;
    }
  }
  return lanes;
}

}  // namespace

bool GlobalMeetings::access(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes, Access access,
                            const Located& located) {
  BlockTimes& times = *block_.launch().block_times;
  if (access == Access::kAtomic || (in.access & exec::kStrong) != 0) {
    if (access != Access::kRead && unreleased_) {
      times.release(block_.index());
      unreleased_ = false;
    }
    acquires_ = acquires_ || access != Access::kWrite;
    return true;
  }
  if (acquires_) acquired_ = times.now();
  acquires_ = false;
  unreleased_ = true;
  const StoreRegisters registers(warp, in, bytes);
  GlobalAccess one;
  one.bytes = bytes;
  one.writes = access == Access::kWrite;
  one.block = block_.index();
  one.instruction = static_cast<uint32_t>(&in - block_.launch().program.code.data());
  one.acquired = acquired_;
  uint32_t left = located.shape == Shape::kUniform && access == Access::kRead ? active & -active : active;
  while (left != 0) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    const uint64_t address = reinterpret_cast<uint64_t>(located.of(lane, bytes));
    const exec::Remembered* memory = exec::remember(block_, in, address);
    left &= left - 1;
    if (memory == nullptr || memory->meetings == nullptr) continue;
    one.offset = address - memory->base;
    const uint32_t row = row_of_lanes(located, left | 1u << lane, lane, bytes, one.offset);
    if (row != 0) {
      one.bytes = BlockMeetings::kRow;
      one.value = one.writes ? registers.of_row(lane) : nullptr;
      const bool clear = memory->meetings->access_row(times, one);
      one.bytes = bytes;
      if (clear) {
        left &= ~row;
        continue;
      }
    }
    one.value = one.writes ? registers.of(lane) : nullptr;
    const Meeting meeting = memory->meetings->access(times, one, reinterpret_cast<const std::byte*>(memory->base));
    if (!meeting.found) continue;
    std::ostringstream out;
    out << "race between blocks: " << (one.writes ? "write of " : "read of ") << block_.launch().memory.describe(address, bytes)
        << ", " << (meeting.earlier_wrote ? "written" : "read") << " by " << block_.name(meeting.block) << " at "
        << block_.where(block_.launch().program.code[meeting.instruction]) << ", with no atomics in between";
    block_.fault(warp, in, static_cast<int>(lane), exec::Status::kLaunchFailed, out.str());
    return false;
  }
  return true;
}

}  // namespace talweg::check
