// What has happened before what in a block. Time grows whenever warps synchronise; each warp knows up to which time it
// has seen the others' work, and so whether an access of theirs is ordered before its own (vector clocks, of warps).
#pragma once

#include <array>
#include <cstdint>
#include <map>

namespace talweg::check {

class SyncTimes {
 public:
  static constexpr uint32_t kMaxTime = (1u << 26) - 2;

  // A block begins: nothing of it has happened yet. False if time has run out and all stamps must be forgotten.
  bool begin(uint32_t warps);

  uint32_t now() const { return now_; }
  uint32_t start() const { return start_; }  // what is not later happened in another block
  // The accesses of `other` up to this time are ordered before what `warp` does now.
  uint32_t seen(uint32_t warp, uint32_t other) const { return seen_[warp][other]; }
  // The same whoever it was.
  uint32_t seen_of_all(uint32_t warp) const { return least_[warp]; }

  void warp_sync(uint32_t warp);
  // Arrives without waiting: what it did so far is ordered before the barrier's completion.
  void release(uint32_t barrier, uint32_t warp);
  // The same for objects in shared memory that threads hand work over with; what `warp` did so far, and what those
  // before it did.
  void release(const void* object, uint32_t warp);
  void acquire(const void* object, uint32_t warp);
  // What all warps did up to this time, told by another block.
  void acquire_all(uint32_t time, uint32_t warp);
  // `arrived`: warps that waited or have ended; `waiting`: those that go on from here.
  void complete(uint32_t barrier, uint32_t arrived, uint32_t waiting);

 private:
  using Times = std::array<uint32_t, 32>;

  void advance() { now_ += now_ < kMaxTime ? 1 : 0; }
  void update(uint32_t warp);

  uint32_t warps_ = 0, now_ = 1, start_ = 0;
  std::array<Times, 32> seen_{};
  Times least_{};
  std::map<const void*, Times> objects_;
  std::array<Times, 16> released_{};  // by barrier: what arrivals without waiting brought
};

}  // namespace talweg::check
