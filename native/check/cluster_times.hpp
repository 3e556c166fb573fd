// What has happened before what between the blocks of a cluster: up to which time of each other's, in the SyncTimes of
// that block, a block knows its work. A block counts as one: what one warp hands over or takes over, all have.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>

namespace talweg::check {

class ClusterTimes {
 public:
  static constexpr uint32_t kMostBlocks = 16;

  void begin() {
    known_ = {};
    objects_.clear();
  }

  uint32_t known(uint32_t block, uint32_t other) const { return known_[block][other]; }

  // Through a barrier, an mbarrier or a word of shared memory.
  void release(const void* object, uint32_t block, uint32_t now) {
    Entry& entry = objects_[object];
    entry.own[block] = std::max(entry.own[block], now);
    for (uint32_t i = 0; i < kMostBlocks; i++) entry.passed_on[i] = std::max(entry.passed_on[i], known_[block][i]);
  }
  // Gives up to which time the block's own work has come back to it through others; 0: not at all.
  uint32_t acquire(const void* object, uint32_t block) {
    const auto found = objects_.find(object);
    if (found == objects_.end()) return 0;
    const Entry& entry = found->second;
    for (uint32_t i = 0; i < kMostBlocks; i++) {
      if (i != block) known_[block][i] = std::max({known_[block][i], entry.own[i], entry.passed_on[i]});
    }
    return entry.passed_on[block];
  }

 private:
  using Times = std::array<uint32_t, kMostBlocks>;
  struct Entry {
    Times own{}, passed_on{};
  };

  std::array<Times, kMostBlocks> known_{};
  std::map<const void*, Entry> objects_;
};

}  // namespace talweg::check
