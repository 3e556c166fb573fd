// One warp: 32 lanes, each with its own place in the code. Lanes at the same place form a group and run together.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "async_copies.hpp"
#include "program.hpp"

namespace talweg::exec {

class Block;

struct Group {
  enum class State : uint8_t { kReady, kBarrier, kSync, kCluster };
  uint32_t mask = 0;
  uint32_t depth = 0;  // of calls
  const Instr* pc = nullptr;
  State state = State::kReady;
  uint8_t barrier = 0;
  uint32_t age = 0;         // grows each time the group gives way to the others; the youngest runs first
  uint32_t back_edges = 0;  // since it last gave way
};

class Warp {
 public:
  // What handlers touch at every instruction.
  std::byte* bases[3] = {};
  uint32_t mask = 0;  // lanes of the running group
  Block* block = nullptr;
  AsyncCopies copies;  // of cp.async, not yet waited for
  bool watched = false;  // accesses and barriers are checked or counted
  bool suspected = false;  // of going round in a circle: what changes is told to the launch

  // Registers, special registers and 32 times `stack_bytes` of local memory lie in memory that the block owns.
  void prepare(Block& owner, uint32_t index, std::byte* registers, std::byte* specials, std::byte* local);
  void start(uint32_t lanes, const Instr* entry);

  // Runs until no group is ready or the slice is used up.
  void run();

  uint32_t index() const { return index_; }
  uint32_t alive() const { return alive_; }
  bool ready() const;
  // Whether the last slice was used up by loads and atomics of the kind that wait for another thread.
  bool spinning() const { return spinning_; }

  // Control flow. A handler moves lanes out of the running group with park(), and then returns go_on(next), which
  // says where the rest continues.
  void park(uint32_t lanes, const Instr* pc, uint32_t depth, Group::State state = Group::State::kReady,
            uint8_t barrier = 0);
  const Instr* go_on(const Instr* next);
  const Instr* back_edge(const Instr* target);  // a jump backwards
  void exit(uint32_t lanes);
  void enter(uint32_t lanes, uint32_t caller_local_bytes, const Instr* call, const ptx::DecodedFunction& callee);
  // Lanes that wait at `in` join the running group. False, and nothing done, if live lanes are still missing.
  bool converge(const Instr& in);
  const Instr* caller(int lane) const;  // the call instruction that the lane is in
  const Instr* call(uint32_t depth, int lane) const { return calls_[depth][static_cast<size_t>(lane)]; }
  void leave(uint32_t lanes, uint32_t caller_local_bytes);
  uint32_t depth() const { return groups_[current_].depth; }
  void count_back_edge();
  void likely_spin() {
    slice_ -= kSpinCost;
    spins_++;
  }

  template <class Visit>
  void for_each_group(Visit visit) {
    for (int i = 0; i < count_; i++) visit(groups_[i]);
  }

  uint32_t local_base(int lane) const { return local_base_[lane]; }
  std::byte* local_memory(int lane) const;
  std::byte* frame(uint32_t depth);
  uint32_t frame_bytes() const;

 private:
  static constexpr int kSlice = 4096;         // backward branches until another warp has its turn
  static constexpr int kSpinCost = 128;       // in backward branches, of a volatile load or compare-and-swap
  static constexpr uint32_t kGiveWay = 4096;  // backward branches until diverged groups may overtake

  int pick();
  void run_group();
  void merge();
  void shuffle_lanes();

  uint32_t index_ = 0;
  uint32_t alive_ = 0;
  int slice_ = 0;
  bool spinning_ = false;
  int spins_ = 0;
  int current_ = 0;
  int count_ = 0;
  std::array<Group, 33> groups_;
  std::byte* registers_ = nullptr;
  std::byte* local_ = nullptr;
  std::vector<AlignedBuffer> deep_frames_;                // of call depths 1 and more
  std::vector<std::array<const Instr*, 32>> calls_;       // by depth: the call instruction each lane is in
  uint32_t local_base_[32] = {};
};

}  // namespace talweg::exec
