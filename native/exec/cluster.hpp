// A thread block cluster: blocks that are alive together, reach each other's shared memory and have a barrier of all
// their threads. One CPU thread at a time runs all of them in turn. In a launch without clusters each block is one.
#pragma once

#include <memory>

#include "../check/cluster_times.hpp"
#include "block.hpp"
#include "bulk_copies.hpp"

namespace talweg::exec {

class Cluster {
 public:
  explicit Cluster(Launch& launch);
  void start(uint64_t index);  // among the clusters of the grid
  Block::Outcome run(std::vector<Remembered>& remembered);

  uint32_t size() const { return size_; }
  Block& block(uint32_t rank) { return *blocks_[rank]; }
  // The block in whose shared memory this lies, or null.
  Block* owner_of(const std::byte* host) const;

  BulkCopies& copies() { return copies_; }
  check::ClusterTimes& times() { return times_; }

  // As of a block, see there.
  bool suspected() const { return suspected_; }
  bool at_standstill() const;
  void report_standstill(uint64_t others);

  // The barrier of all threads. Each arrives once and then waits once. What is wrong is reported, and gives stop().
  const Instr* arrive(Warp& warp, const Instr& in, uint32_t lanes);
  const Instr* wait(Warp& warp, const Instr& in, uint32_t lanes);
  void lanes_exited();
  std::string arrivals();  // of a barrier that does not complete

  // For the check of races: what hands over what was done before an arrival to those who wait in this phase.
  const void* phase() const { return &phases_[phase_]; }
  const void* last_phase() const { return &phases_[phase_ ^ 1]; }

 private:
  // Lanes of a warp that have arrived in this phase, and those that may still wait for the last one.
  struct Lanes {
    uint32_t arrived = 0, due = 0;
    std::array<const Instr*, 32> arrived_at{}, waited_at{};
  };

  Lanes& lanes(const Warp& warp);
  void complete_if_full();
  bool reached_together(Warp& warp, uint32_t lanes, const std::array<const Instr*, 32>& at);
  void report_deadlock();

  Launch& launch_;
  const uint32_t size_;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::vector<Lanes> lanes_;  // by rank and warp
  BulkCopies copies_;
  check::ClusterTimes times_;
  bool barrier_in_use_ = false;
  uint32_t phase_ = 0;
  char phases_[2] = {};
  bool suspected_ = false;
};

}  // namespace talweg::exec
