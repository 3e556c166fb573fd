#include "standstill.hpp"

#include <algorithm>

#include "warp.hpp"

namespace talweg::exec {
namespace {

template <class T>
void append(std::vector<std::byte>& state, const T& value) {
  const std::byte* bytes = reinterpret_cast<const std::byte*>(&value);
  state.insert(state.end(), bytes, bytes + sizeof value);
}

}  // namespace

// Everything that decides what the warp does next, but for memory. Local memory is memory.
void Standstill::read(Warp& warp, std::vector<std::byte>& state) const {
  state.clear();
  uint32_t oldest = UINT32_MAX, deepest = 0;
  warp.for_each_group([&](const Group& group) {
    if (group.state == Group::State::kReady) oldest = std::min(oldest, group.age);
    deepest = std::max(deepest, group.depth);
  });
  warp.for_each_group([&](const Group& group) {
    const bool ready = group.state == Group::State::kReady;
    append(state, group.mask);
    append(state, group.depth);
    append(state, group.pc);
    append(state, group.state);
    append(state, group.barrier);
    append(state, ready ? group.age - oldest : 0);
    append(state, ready ? group.back_edges : 0);
  });
  for (uint32_t depth = 0; depth <= deepest; depth++) {
    const std::byte* frame = warp.frame(depth);
    state.insert(state.end(), frame, frame + warp.frame_bytes());
  }
  for (int lane = 0; lane < 32; lane++) {
    append(state, warp.local_base(lane));
    for (uint32_t depth = 0; depth < deepest; depth++) append(state, warp.call(depth, lane));
  }
}

bool Standstill::circles(Warp& warp, uint64_t changes) {
  if (changes == changes_ && circles_) return true;
  read(warp, now_);
  const bool fresh = changes != changes_ || keep_for_ == 0;
  if (!fresh && now_ == kept_) return circles_ = true;
  if (fresh || ++compared_ == keep_for_) {
    keep_for_ = fresh ? 1 : 2 * keep_for_;
    compared_ = 0;
    kept_.swap(now_);
  }
  changes_ = changes;
  circles_ = false;
  return false;
}

}  // namespace talweg::exec
