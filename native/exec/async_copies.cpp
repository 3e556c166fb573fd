#include "async_copies.hpp"

#include <algorithm>
#include <cstring>

#include "../check/block_checker.hpp"
#include "lanes.hpp"
#include "plain_memory.hpp"

namespace talweg::exec {

namespace {

// Out of global memory, where others may write.
void fetch(std::byte* to, const std::byte* from, uint32_t bytes) {
  uint32_t done = 0;
  for (; bytes - done >= 4; done += 4) {
    const uint32_t word = PlainMemory<false>::load<uint32_t>(from + done);
    std::memcpy(to + done, &word, 4);
  }
  for (; done < bytes; done++) to[done] = static_cast<std::byte>(PlainMemory<false>::load<uint8_t>(from + done));
}

}  // namespace

template <class Due>
void AsyncCopies::complete(Due due) {
  const auto rest = std::stable_partition(pending_.begin(), pending_.end(), [&](const Copy& copy) { return !due(copy); });
  for (auto copy = rest; copy != pending_.end(); ++copy) {
    fetch(copy->destination, copy->source, copy->bytes);
    std::memset(copy->destination + copy->bytes, 0, copy->size - copy->bytes);
    if (checker_ != nullptr) checker_->copy_arrives(warp_, copy->lane, copy->destination, copy->size);
  }
  pending_.erase(rest, pending_.end());
}

void AsyncCopies::commit(uint32_t lanes) {
  for_each_lane(lanes, [&](int lane) { committed_[static_cast<size_t>(lane)]++; });
}

void AsyncCopies::wait_group(uint32_t lanes, uint32_t recent) {
  if (pending_.empty()) return;
  complete([&](const Copy& copy) {
    return (lanes >> copy.lane & 1) != 0 && uint64_t{copy.group} + recent < committed_[static_cast<size_t>(copy.lane)];
  });
}

void AsyncCopies::wait_all(uint32_t lanes) {
  if (pending_.empty()) return;
  complete([&](const Copy& copy) { return (lanes >> copy.lane & 1) != 0; });
}

void AsyncCopies::clear() {
  pending_.clear();
  committed_ = {};
}

}  // namespace talweg::exec
