// What a store is about to write, gathered from its registers.
#pragma once

#include <cstring>

#include "../exec/memory_access.hpp"
#include "block_meetings.hpp"
#include "shared_shadow.hpp"

namespace talweg::check {

class StoreRegisters final : public StoredValues {
 public:
  StoreRegisters(exec::Warp& warp, const exec::Instr& in, uint32_t bytes) : warp_(warp), in_(in), bytes_(bytes) {}

  const std::byte* of(uint32_t lane) const override {
    const uint32_t count = in_.access & exec::kVectorSize;
    if (count == 0) return nullptr;
    const exec::Slot slots[4] = {in_.dst, in_.b, in_.c, in_.d};
    const uint32_t size = bytes_ / count;
    for (uint32_t i = 0; i < count; i++) {
      const void* word = (in_.access & exec::kWideWords) != 0
                             ? static_cast<const void*>(exec::slot<uint64_t>(warp_, slots[i]) + lane)
                             : exec::slot<uint32_t>(warp_, slots[i]) + lane;
      std::memcpy(values_[lane] + i * size, word, size);
    }
    return values_[lane];
  }

  // Of lanes side by side, from `lane` on; as many as fill a row.
  const std::byte* of_row(uint32_t lane) const {
    const uint32_t count = in_.access & exec::kVectorSize;
    if (count == 0) return nullptr;
    const bool words = (in_.access & exec::kWideWords) == 0;
    if (count == 1 && bytes_ == (words ? 4 : 8)) {
      return reinterpret_cast<const std::byte*>(words ? static_cast<const void*>(exec::slot<uint32_t>(warp_, in_.dst) + lane)
                                                      : exec::slot<uint64_t>(warp_, in_.dst) + lane);
    }
    if (count == 4 && words && bytes_ == 16) {
      const uint32_t* slots[4] = {exec::slot<uint32_t>(warp_, in_.dst), exec::slot<uint32_t>(warp_, in_.b),
                                  exec::slot<uint32_t>(warp_, in_.c), exec::slot<uint32_t>(warp_, in_.d)};
      for (uint32_t i = 0; i < 4; i++) {
        for (uint32_t n = 0; n < 4; n++) row_[4 * i + n] = slots[n][lane + i];
      }
    } else {
      for (uint32_t done = 0; done < BlockMeetings::kRow; done += bytes_) {
        std::memcpy(reinterpret_cast<std::byte*>(row_) + done, of(lane++), bytes_);
      }
    }
    return reinterpret_cast<const std::byte*>(row_);
  }

 private:
  exec::Warp& warp_;
  const exec::Instr& in_;
  const uint32_t bytes_;
  mutable std::byte values_[exec::kLanes][16];
  mutable uint32_t row_[BlockMeetings::kRow / 4];
};

}  // namespace talweg::check
