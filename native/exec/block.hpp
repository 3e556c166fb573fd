// One block: its warps, its shared memory and its barriers. It can be left and resumed whenever all warps wait.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "../check/switches.hpp"
#include "launch.hpp"
#include "program.hpp"
#include "standstill.hpp"
#include "warp.hpp"

namespace talweg::check {
class BlockChecker;
}
namespace talweg::count {
class BlockCounts;
class LaunchCounts;
class Sectors;
}

namespace talweg::exec {

// What all blocks of one launch share.
struct Launch {
  Launch(const LaunchRequest& r, DeviceMemory& m)
      : request(r), memory(m), function(*r.kernel->code), program(*function.program) {}

  const LaunchRequest& request;
  DeviceMemory& memory;
  const ptx::DecodedFunction& function;
  const Program& program;
  uint32_t shared_bytes = 0;
  uint32_t threads_per_block = 0;
  uint64_t seed = 0;
  uint64_t approximation_seed = 0;
  uint64_t grid_workspace = 0;  // of cooperative launches: a size and the counter of the grid-wide barrier
  bool truncating_mma = false;
  uint32_t checks = 0;  // of check::Check
  bool check_bounds = true;
  check::BlockTimes* block_times = nullptr;  // of the check of races between blocks
  count::LaunchCounts* counts = nullptr;  // null unless the launch is counted

  uint64_t limit = 0;  // of warp instructions; 0: none
  std::atomic<uint64_t> executed{0};

  // Once no block has ended for long, blocks count what changes in memory and what comes from outside.
  std::atomic<bool> suspected{false};
  std::atomic<uint64_t> changes{1};

  std::atomic<bool> failed{false};
  std::mutex mutex;
  LaunchResult result;

  void fail(Status status, std::string report);  // the first failure counts
};

// The bounds of the allocation that a memory instruction last touched.
struct Remembered {
  uint64_t base = 0, end = 0;
  check::WrittenBytes* written = nullptr;  // null: nobody tracks it
  check::BlockMeetings* meetings = nullptr;
  count::Sectors* sectors = nullptr;       // of a launch that is counted, once it is known
};

// What bar.red folds over the threads at the barrier; Instr::imm of barrier instructions.
enum class Reduction : uint64_t { kNone, kCount, kAll, kAny };

class Cluster;

class Block {
 public:
  // kWaiting: all its warps wait, and for another block of the cluster if for anybody.
  enum class Outcome { kFinished, kYielded, kWaiting, kFailed };

  Block(Launch& launch, Cluster& cluster, uint32_t rank);
  ~Block();
  void start(uint64_t cluster_index);
  // `remembered` belongs to the thread that runs the block.
  Outcome run(std::vector<Remembered>& remembered);

  Cluster& cluster() { return cluster_; }
  uint32_t rank() const { return rank_; }
  std::vector<Warp>& warps() { return warps_; }
  bool ended() const;  // all its threads have exited

  Launch& launch() { return launch_; }
  const Launch& launch() const { return launch_; }
  std::byte* shared() const { return shared_; }
  bool is_local(const std::byte* host) const { return static_cast<size_t>(host - local_.data()) < local_bytes_; }
  uint32_t shared_bytes() const { return launch_.shared_bytes; }
  const uint8_t* parameters() const { return launch_.request.parameters; }
  Remembered& remembered(int32_t index) { return (*remembered_)[static_cast<size_t>(index)]; }
  std::mt19937_64& random() { return random_; }
  check::BlockChecker* checker() const { return checker_.get(); }  // null if nothing is to be checked
  count::BlockCounts* counts() const { return counts_.get(); }      // null unless the launch is counted
  bool ready() const;  // some warp can go on
  bool seeded() const { return launch_.seed != 0 && !suspected_; }
  bool suspected() const { return suspected_; }
  void changed() { launch_.changes.fetch_add(1, std::memory_order_relaxed); }
  // Whether no warp can get anywhere until memory changes again.
  bool at_standstill() const { return standstill_at_ == launch_.changes.load(std::memory_order_relaxed); }
  // Says why, once that is so of all blocks that have begun; `others` of them are not this one.
  void report_standstill(uint64_t others);
  void report_deadlock(Status status, const std::string& prefix, const std::string& suffix);

  void count(uint64_t instructions, uint64_t lanes) {
    warp_instructions_ += instructions;
    lane_instructions_ += instructions * lanes;
  }

  // Barriers. `expected` threads complete it, 0 meaning all that live. The lanes are parked already unless they only
  // arrive. Values are folded for bar.red.
  void arrive(int barrier, Warp& warp, uint32_t lanes, uint32_t expected, uint32_t true_lanes);
  void lanes_exited();

  // Ends the launch with a report that names kernel, source line, block and thread.
  const Instr* fault(Warp& warp, const Instr& instr, int lane, Status status, const std::string& what);
  std::string where(const Instr& instr) const;
  std::string thread_name(uint32_t warp, int lane) const;
  uint32_t index() const { return index_; }  // in the grid
  std::string name(uint64_t index) const;

 private:
  struct Barrier {
    std::array<uint32_t, 32> arrived{};
    uint32_t expected = 0;
    bool in_use = false;
    uint32_t true_count = 0, false_count = 0;
  };

  void complete_if_full(int index);
  void look_for_standstill();
  void report_limit();

  Launch& launch_;
  Cluster& cluster_;
  const uint32_t rank_;
  AlignedBuffer memory_;
  AlignedBuffer local_;
  size_t local_bytes_ = 0;
  std::byte* shared_ = nullptr;
  std::vector<Warp> warps_;
  std::vector<Standstill> standstills_;  // of warps, while suspected
  bool suspected_ = false;
  uint64_t standstill_at_ = 0;  // Launch::changes when all warps were found to circle; 0: they are not
  std::array<Barrier, 16> barriers_;
  std::unique_ptr<check::BlockChecker> checker_;
  std::unique_ptr<count::BlockCounts> counts_;
  std::vector<Remembered>* remembered_ = nullptr;
  std::mt19937_64 random_;
  uint32_t index_ = 0;
  uint64_t warp_instructions_ = 0, lane_instructions_ = 0;
};

}  // namespace talweg::exec
