#include "sync_times.hpp"

#include <algorithm>

namespace talweg::check {

bool SyncTimes::begin(uint32_t warps) {
  warps_ = warps;
  const bool fresh = now_ > kMaxTime / 2;
  if (fresh) now_ = 0;
  start_ = now_++;
  for (Times& times : seen_) times.fill(start_);
  for (Times& times : released_) times.fill(start_);
  least_.fill(start_);
  objects_.clear();
  return !fresh;
}

void SyncTimes::update(uint32_t warp) {
  least_[warp] = *std::min_element(seen_[warp].begin(), seen_[warp].begin() + warps_);
}

void SyncTimes::warp_sync(uint32_t warp) {
  seen_[warp][warp] = now_;
  advance();
  update(warp);
}

void SyncTimes::release(uint32_t barrier, uint32_t warp) {
  Times& released = released_[barrier];
  for (uint32_t i = 0; i < warps_; i++) released[i] = std::max(released[i], seen_[warp][i]);
  released[warp] = now_;
  advance();
}

void SyncTimes::release(const void* object, uint32_t warp) {
  Times& released = objects_.try_emplace(object, Times{}).first->second;
  for (uint32_t i = 0; i < warps_; i++) released[i] = std::max(released[i], seen_[warp][i]);
  released[warp] = now_;
  advance();
}

void SyncTimes::acquire(const void* object, uint32_t warp) {
  const auto found = objects_.find(object);
  if (found == objects_.end()) return;
  for (uint32_t i = 0; i < warps_; i++) seen_[warp][i] = std::max(seen_[warp][i], found->second[i]);
  update(warp);
}

void SyncTimes::acquire_all(uint32_t time, uint32_t warp) {
  for (uint32_t i = 0; i < warps_; i++) seen_[warp][i] = std::max(seen_[warp][i], time);
  update(warp);
}

void SyncTimes::complete(uint32_t barrier, uint32_t arrived, uint32_t waiting) {
  Times joined = released_[barrier];
  released_[barrier].fill(start_);
  for (uint32_t left = arrived; left != 0; left &= left - 1) {
    const uint32_t warp = static_cast<uint32_t>(__builtin_ctz(left));
    for (uint32_t i = 0; i < warps_; i++) joined[i] = std::max(joined[i], seen_[warp][i]);
    joined[warp] = now_;
  }
  advance();
  for (uint32_t left = waiting; left != 0; left &= left - 1) {
    const uint32_t warp = static_cast<uint32_t>(__builtin_ctz(left));
    for (uint32_t i = 0; i < warps_; i++) seen_[warp][i] = std::max(seen_[warp][i], joined[i]);
    update(warp);
  }
}

}  // namespace talweg::check
