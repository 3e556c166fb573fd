#include "cluster.hpp"

#include <algorithm>
#include <numeric>
#include <sstream>

#include "../check/block_checker.hpp"
#include "lanes.hpp"

namespace talweg::exec {
namespace {

constexpr int kPassesBeforeYield = 64;  // of slices of all blocks

const Instr* place_of(const Group& group) {
  const bool behind = group.state == Group::State::kBarrier || group.state == Group::State::kCluster;
  return behind ? group.pc - 1 : group.pc;
}

}  // namespace

Cluster::Cluster(Launch& launch)
    : launch_(launch),
      size_(launch.request.cluster[0] * launch.request.cluster[1] * launch.request.cluster[2]) {
  for (uint32_t rank = 0; rank < size_; rank++) blocks_.push_back(std::make_unique<Block>(launch, *this, rank));
  lanes_.resize(size_ * blocks_[0]->warps().size());
}

void Cluster::start(uint64_t index) {
  for (const auto& block : blocks_) block->start(index);
  std::fill(lanes_.begin(), lanes_.end(), Lanes{});
  copies_.clear();
  times_.begin();
  barrier_in_use_ = false;
}

Block::Outcome Cluster::run(std::vector<Remembered>& remembered) {
  using Outcome = Block::Outcome;
  if (size_ == 1) {
    const Outcome outcome = blocks_[0]->run(remembered);
    suspected_ = blocks_[0]->suspected();
    if (outcome != Outcome::kWaiting) return outcome;
    report_deadlock();
    return Outcome::kFailed;
  }
  std::vector<uint32_t> order(size_);
  std::iota(order.begin(), order.end(), 0u);
  suspected_ = true;
  for (int pass = 0; pass < kPassesBeforeYield; pass++) {
    if (blocks_[0]->seeded()) std::shuffle(order.begin(), order.end(), blocks_[0]->random());
    bool all_yielded = true;
    for (uint32_t rank : order) {
      Block& block = *blocks_[rank];
      if (block.ended()) continue;
      const Outcome outcome = block.run(remembered);
      suspected_ = suspected_ && block.suspected();
      if (outcome == Outcome::kFailed) return outcome;
      all_yielded = all_yielded && outcome == Outcome::kYielded;
    }
    const auto all = [&](auto holds) {
      return std::all_of(blocks_.begin(), blocks_.end(), [&](const auto& block) { return holds(*block); });
    };
    if (all([](const Block& block) { return block.ended(); })) return Outcome::kFinished;
    if (all([](const Block& block) { return !block.ready(); })) {
      report_deadlock();
      return Outcome::kFailed;
    }
    if (all_yielded || at_standstill()) break;
  }
  return Outcome::kYielded;
}

Block* Cluster::owner_of(const std::byte* host) const {
  for (const auto& block : blocks_) {
    if (static_cast<size_t>(host - block->shared()) < block->shared_bytes()) return block.get();
  }
  return nullptr;
}

bool Cluster::at_standstill() const {
  return std::all_of(blocks_.begin(), blocks_.end(),
                     [](const auto& block) { return block->ended() || block->at_standstill(); });
}

// One that spins says more than one that waits for it.
void Cluster::report_standstill(uint64_t others) {
  Block* stuck = nullptr;
  for (const auto& block : blocks_) {
    if (!block->ended() && (stuck == nullptr || (block->ready() && !stuck->ready()))) stuck = block.get();
  }
  for (const auto& block : blocks_) others += !block->ended() && block.get() != stuck ? 1 : 0;
  stuck->report_standstill(others);
}

void Cluster::report_deadlock() {
  const auto stuck = std::find_if(blocks_.begin(), blocks_.end(), [](const auto& block) { return !block->ended(); });
  (*stuck)->report_deadlock(Status::kLaunchFailed, "", "");
}

Cluster::Lanes& Cluster::lanes(const Warp& warp) {
  return lanes_[warp.block->rank() * blocks_[0]->warps().size() + warp.index()];
}

const Instr* Cluster::arrive(Warp& warp, const Instr& in, uint32_t active) {
  Lanes& own = lanes(warp);
  const uint32_t twice = active & (own.arrived | own.due);
  if (twice != 0) {
    return warp.block->fault(warp, in, __builtin_ctz(twice), Status::kLaunchFailed,
                             "the thread arrives again at the barrier of the cluster and has not waited in between");
  }
  if (warp.suspected) warp.block->changed();
  own.arrived |= active;
  for_each_lane(active, [&](int i) { own.arrived_at[static_cast<size_t>(i)] = &in; });
  barrier_in_use_ = true;
  complete_if_full();
  return launch_.failed.load(std::memory_order_relaxed) ? stop() : &in + 1;
}

const Instr* Cluster::wait(Warp& warp, const Instr& in, uint32_t active) {
  Lanes& own = lanes(warp);
  const uint32_t early = active & ~(own.arrived | own.due);
  if (early != 0) {
    return warp.block->fault(warp, in, __builtin_ctz(early), Status::kLaunchFailed,
                             "the thread waits for the barrier of the cluster and has not arrived there");
  }
  for_each_lane(active, [&](int i) { own.waited_at[static_cast<size_t>(i)] = &in; });
  const uint32_t pending = active & own.arrived;
  own.due &= ~active;
  if (((own.due | own.arrived) & warp.alive()) == 0 && !reached_together(warp, warp.alive(), own.waited_at)) return stop();
  if (pending == 0) return &in + 1;
  warp.park(pending, &in + 1, warp.depth(), Group::State::kCluster);
  return warp.go_on(&in + 1);
}

void Cluster::lanes_exited() {
  copies_.threads_ended();
  if (barrier_in_use_) complete_if_full();
}

// Threads that have exited count as arrived.
void Cluster::complete_if_full() {
  for (const auto& block : blocks_) {
    for (const Warp& warp : block->warps()) {
      if ((warp.alive() & ~lanes(warp).arrived) != 0) return;
    }
  }
  for (const auto& block : blocks_) {
    for (Warp& warp : block->warps()) {
      if (!reached_together(warp, warp.alive(), lanes(warp).arrived_at)) return;
    }
  }
  barrier_in_use_ = false;
  phase_ ^= 1;
  for (const auto& block : blocks_) {
    for (Warp& warp : block->warps()) {
      Lanes& own = lanes(warp);
      own.due = own.arrived & warp.alive();
      own.arrived = 0;
      uint32_t released = 0;
      warp.for_each_group([&](Group& group) {
        if (group.state != Group::State::kCluster) return;
        group.state = Group::State::kReady;
        released |= group.mask;
      });
      if (released == 0) continue;
      own.due &= ~released;
      if (block->checker() != nullptr) block->checker()->object_waited(warp, last_phase());
      if ((own.due & warp.alive()) == 0 && !reached_together(warp, warp.alive(), own.waited_at)) return;
    }
  }
}

// An aligned barrier wants all living lanes of a warp at the same instruction.
bool Cluster::reached_together(Warp& warp, uint32_t lanes, const std::array<const Instr*, 32>& at) {
  if ((launch_.checks & check::kBarriers) == 0 || lanes == 0) return true;
  const int first = __builtin_ctz(lanes);
  const Instr& in = *at[static_cast<size_t>(first)];
  bool together = true;
  for_each_lane(lanes, [&](int i) {
    const Instr& other = *at[static_cast<size_t>(i)];
    if (!together || &other == &in || ((in.flags | other.flags) & kAlignedBarrier) == 0) return;
    together = false;
    warp.block->fault(warp, in, first, Status::kLaunchFailed,
                      "divergent barrier: " + warp.block->thread_name(warp.index(), i) +
                          " of the same warp comes to the barrier of the cluster at " + warp.block->where(other));
  });
  return together;
}

std::string Cluster::arrivals() {
  uint32_t arrived = 0;
  std::ostringstream missing;
  for (const auto& block : blocks_) {
    for (Warp& warp : block->warps()) {
      arrived += static_cast<uint32_t>(__builtin_popcount(lanes(warp).arrived | ~warp.alive())) -
                 (kLanes - std::min<uint32_t>(kLanes, launch_.threads_per_block - warp.index() * kLanes));
      const uint32_t absent = warp.alive() & ~lanes(warp).arrived;
      if (absent == 0 || missing.tellp() > 0) continue;
      const int lane = __builtin_ctz(absent);
      missing << "; " << block->name(block->index()) << ", " << block->thread_name(warp.index(), lane) << " is at ";
      warp.for_each_group([&](const Group& group) {
        if ((group.mask >> lane & 1) != 0) missing << block->where(*place_of(group));
      });
    }
  }
  std::ostringstream out;
  out << arrived << " of " << size_ * launch_.threads_per_block << " threads have arrived or ended" << missing.str();
  return out.str();
}

}  // namespace talweg::exec
