#include "bulk_copies.hpp"

#include <algorithm>
#include <cstring>

#include "../check/block_checker.hpp"
#include "block.hpp"
#include "mbarrier.hpp"
#include "plain_memory.hpp"

namespace talweg::exec {
namespace {

// Words, for one side may be global memory, where others may read or write.
void move_bytes(std::byte* to, const std::byte* from, uint32_t bytes) {
  for (uint32_t at = 0; at < bytes; at += 4) {
    PlainMemory<false>::store<uint32_t>(to + at, PlainMemory<false>::load<uint32_t>(from + at));
  }
}

void read(BulkCopy& copy) {
  if (copy.source == nullptr) return;
  copy.held.resize(copy.bytes);
  move_bytes(copy.held.data(), copy.source, copy.bytes);
  copy.source = nullptr;
}

void write(BulkCopy& copy) {
  read(copy);
  if (copy.reduce == nullptr) move_bytes(copy.destination, copy.held.data(), copy.bytes);
  else for (uint32_t at = 0; at < copy.bytes; at += copy.element) copy.reduce(copy.destination + at, copy.held.data() + at);
  if (copy.owner != nullptr && copy.owner->checker() != nullptr) copy.owner->checker()->bulk_arrives(copy);
  if (copy.mbarrier == nullptr) return;
  update(copy.mbarrier, [&](Mbarrier& barrier) { barrier.expect(-int64_t{copy.bytes}); });
}

bool alive(const BulkCopy& copy) { return (copy.warp->alive() >> copy.lane & 1) != 0; }

}  // namespace

void BulkCopies::begin(BulkCopy copy) {
  copy.group = copy.mbarrier == nullptr ? committed(*copy.warp, copy.lane) : 0;
  if (copy.owner != nullptr && copy.owner->checker() != nullptr) copy.owner->checker()->bulk_begins(copy);
  pending_.push_back(std::move(copy));
}

void BulkCopies::commit(const Warp& warp, uint32_t lanes) {
  for_each_lane(lanes, [&](int lane) { committed(warp, lane)++; });
}

template <class Due>
bool BulkCopies::complete(Due due) {
  const auto rest = std::stable_partition(pending_.begin(), pending_.end(), [&](const BulkCopy& copy) { return !due(copy); });
  if (rest == pending_.end()) return false;
  std::for_each(rest, pending_.end(), write);
  pending_.erase(rest, pending_.end());
  return true;
}

void BulkCopies::wait_group(const Warp& warp, uint32_t lanes, uint32_t recent, bool only_reads) {
  if (pending_.empty()) return;
  const auto due = [&](const BulkCopy& copy) {
    return copy.mbarrier == nullptr && copy.warp == &warp && (lanes >> copy.lane & 1) != 0 &&
           uint64_t{copy.group} + recent < committed(warp, copy.lane);
  };
  if (!only_reads) {
    complete(due);
    return;
  }
  for (BulkCopy& copy : pending_) {
    if (due(copy)) read(copy);
  }
}

bool BulkCopies::land_at(const std::byte* mbarrier) {
  return !pending_.empty() && complete([&](const BulkCopy& copy) { return copy.mbarrier == mbarrier; });
}

void BulkCopies::threads_ended() {
  if (pending_.empty()) return;
  for (const BulkCopy& copy : pending_) {
    if (copy.mbarrier == nullptr && !alive(copy) && copy.source_owner != nullptr && copy.source != nullptr &&
        (copy.warp->block->launch().checks & check::kRaces) != 0) {
      copy.warp->block->fault(*copy.warp, *copy.instr, copy.lane, Status::kLaunchFailed,
                              "missing wait: the thread ends while its bulk copy still reads shared memory; nobody else "
                              "can wait for it (cp.async.bulk.wait_group.read)");
      return;
    }
    if (copy.owner != nullptr && copy.owner->ended() && (copy.warp->block->launch().checks & check::kRaces) != 0) {
      copy.warp->block->fault(*copy.warp, *copy.instr, copy.lane, Status::kLaunchFailed,
                              "missing wait: " + copy.owner->name(copy.owner->index()) +
                                  " ends while this copy into its shared memory is still on its way");
      return;
    }
  }
  complete([](const BulkCopy& copy) { return copy.mbarrier == nullptr && !alive(copy); });
  const auto gone = std::remove_if(pending_.begin(), pending_.end(), [](const BulkCopy& copy) {
    return copy.owner != nullptr && copy.owner->ended();
  });
  pending_.erase(gone, pending_.end());
}

const BulkCopy* BulkCopies::reading(const std::byte* memory, size_t bytes) const {
  for (const BulkCopy& copy : pending_) {
    if (copy.source != nullptr && copy.source_owner != nullptr && memory < copy.source + copy.bytes &&
        copy.source < memory + bytes) {
      return &copy;
    }
  }
  return nullptr;
}

void BulkCopies::clear() {
  pending_.clear();
  committed_.clear();
}

}  // namespace talweg::exec
