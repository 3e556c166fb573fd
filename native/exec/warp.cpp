// Which lanes run next: the deepest call first, then the smallest place in the code, whose order is such that
// diverged lanes meet again as early as the control flow allows (see flow_order.hpp).
#include "warp.hpp"

#include <algorithm>

#include "../count/block_counts.hpp"
#include "block.hpp"
#include "lanes.hpp"

namespace talweg::exec {

void Warp::prepare(Block& owner, uint32_t index, std::byte* registers, std::byte* specials, std::byte* local) {
  block = &owner;
  watched = owner.checker() != nullptr || owner.counts() != nullptr;
  copies.checked_by(owner.checker(), index);
  index_ = index;
  registers_ = registers;
  local_ = local;
  bases[kFrame] = registers;
  bases[kConstants] = owner.launch().program.constants.data();
  bases[kSpecials] = specials;
}

void Warp::start(uint32_t lanes, const Instr* entry) {
  alive_ = lanes;
  copies.clear();
  count_ = 1;
  groups_[0] = Group{};
  groups_[0].mask = lanes;
  groups_[0].pc = entry;
  std::fill(std::begin(local_base_), std::end(local_base_), 0u);
}

bool Warp::ready() const {
  return std::any_of(groups_.begin(), groups_.begin() + count_,
                     [](const Group& group) { return group.state == Group::State::kReady; });
}

std::byte* Warp::frame(uint32_t depth) {
  if (depth == 0) return registers_;
  while (deep_frames_.size() < depth) deep_frames_.emplace_back(block->launch().program.frame_bytes);
  return deep_frames_[depth - 1].data();
}

uint32_t Warp::frame_bytes() const { return block->launch().program.frame_bytes; }

std::byte* Warp::local_memory(int lane) const {
  return local_ + static_cast<size_t>(lane) * block->launch().function.stack_bytes;
}

void Warp::run() {
  slice_ = kSlice;
  spinning_ = false;
  spins_ = 0;
  for (;;) {
    current_ = pick();
    if (current_ < 0 || block->launch().failed.load(std::memory_order_relaxed)) return;
    run_group();
    if (slice_ <= 0) {
      spinning_ = spins_ > 0;
      return;
    }
    if (block->seeded() && block->random()() % 8 == 0) return;
  }
}

int Warp::pick() {
  int best = -1;
  int ready = 0;
  for (int i = 0; i < count_; i++) {
    const Group& group = groups_[i];
    if (group.state != Group::State::kReady) continue;
    ready++;
    if (block->seeded()) {
      if (block->random()() % static_cast<unsigned>(ready) == 0) best = i;
      continue;
    }
    if (best < 0) {
      best = i;
      continue;
    }
    const Group& other = groups_[best];
    if (group.age != other.age ? group.age < other.age
                               : group.depth != other.depth ? group.depth > other.depth : group.pc < other.pc) {
      best = i;
    }
  }
  return best;
}

void Warp::run_group() {
  if (block->seeded()) shuffle_lanes();
  Group& group = groups_[current_];
  mask = group.mask;
  bases[kFrame] = frame(group.depth);
  // Stop where another group waits for company.
  const Instr* limit = stop();
  for (int i = 0; i < count_; i++) {
    const Group& other = groups_[i];
    if (i == current_ || other.state != Group::State::kReady || other.depth != group.depth) continue;
    if (other.pc > group.pc && other.pc < limit) limit = other.pc;
  }
  const uint64_t lanes = static_cast<uint64_t>(__builtin_popcount(mask));
  const Instr* pc = group.pc;
  uint64_t executed = 0;
  if (block->seeded()) {
    const uint64_t steps = 1 + block->random()() % 100;
    do {
      executed++;
      pc = pc->run(*this, *pc);
    } while (pc < limit && executed < steps);
  } else if (count::BlockCounts* counts = block->counts()) {
    do {
      executed++;
      counts->instruction(*this, *pc);
      pc = pc->run(*this, *pc);
    } while (pc < limit);
  } else {
    do {
      executed++;
      pc = pc->run(*this, *pc);
    } while (pc < limit);
  }
  block->count(executed, lanes);
  if (pc != stop()) groups_[current_].pc = pc;
  if (count_ > 1) merge();
}

// Under an adversarial schedule a group is cut in two at random; the halves meet again later, or never.
void Warp::shuffle_lanes() {
  if (block->random()() % 4 != 0) return;
  const uint32_t part = groups_[current_].mask & static_cast<uint32_t>(block->random()());
  const Group& group = groups_[current_];
  if (part != 0 && part != group.mask) park(part, group.pc, group.depth);
}

void Warp::merge() {
  for (int i = 0; i < count_; i++) {
    Group& group = groups_[i];
    if (group.state != Group::State::kReady) continue;
    for (int j = count_ - 1; j > i; j--) {
      const Group& other = groups_[j];
      if (other.state != Group::State::kReady || other.pc != group.pc || other.depth != group.depth) continue;
      group.mask |= other.mask;
      group.age = std::min(group.age, other.age);
      groups_[j] = groups_[--count_];
    }
  }
}

void Warp::park(uint32_t lanes, const Instr* pc, uint32_t depth, Group::State state, uint8_t barrier) {
  Group& from = groups_[current_];
  from.mask &= ~lanes;
  Group& group = groups_[count_++];
  group = from;
  group.mask = lanes;
  group.pc = pc;
  group.depth = depth;
  group.state = state;
  group.barrier = barrier;
}

const Instr* Warp::go_on(const Instr* next) {
  Group& group = groups_[current_];
  group.pc = next;
  if (group.mask == 0) group = groups_[--count_];
  return stop();
}

void Warp::count_back_edge() {
  slice_--;
  Group& group = groups_[current_];
  if (count_ > 1 && ++group.back_edges >= kGiveWay) {
    group.back_edges = 0;
    group.age++;
  }
}

const Instr* Warp::back_edge(const Instr* target) {
  if (slice_ > 1 && count_ == 1) {
    slice_--;
    return target;
  }
  count_back_edge();
  return go_on(target);
}

void Warp::exit(uint32_t lanes) {
  groups_[current_].mask &= ~lanes;
  alive_ &= ~lanes;
  // Whoever waited for these lanes looks again.
  for (int i = 0; i < count_; i++) {
    if (groups_[i].state == Group::State::kSync) groups_[i].state = Group::State::kReady;
  }
}

bool Warp::converge(const Instr& in) {
  const uint32_t depth = groups_[current_].depth;
  const auto waits = [&](const Group& group) {
    return group.state == Group::State::kSync && group.pc == &in && group.depth == depth;
  };
  uint32_t together = groups_[current_].mask;
  for (int i = 0; i < count_; i++) together |= waits(groups_[i]) ? groups_[i].mask : 0;
  if ((alive_ & ~together) != 0) return false;
  for (int i = count_ - 1; i >= 0; i--) {
    if (i == current_ || !waits(groups_[i])) continue;
    groups_[i] = groups_[--count_];
    if (current_ == count_) current_ = i;
  }
  groups_[current_].mask = mask = together;
  return true;
}

void Warp::enter(uint32_t lanes, uint32_t caller_local_bytes, const Instr* call, const ptx::DecodedFunction& callee) {
  const uint32_t depth = groups_[current_].depth;
  if (calls_.size() <= depth) calls_.resize(depth + 1);
  for_each_lane(lanes, [&](int lane) {
    calls_[depth][lane] = call;
    local_base_[lane] += caller_local_bytes;
  });
  park(lanes, callee.program->code.data() + callee.first, depth + 1);
}

const Instr* Warp::caller(int lane) const { return calls_[depth() - 1][lane]; }

void Warp::leave(uint32_t lanes, uint32_t caller_local_bytes) {
  for_each_lane(lanes, [&](int lane) { local_base_[lane] -= caller_local_bytes; });
}

}  // namespace talweg::exec
