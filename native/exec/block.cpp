// Runs the warps of a block in turn, keeps its barriers, and says what a stuck or faulty thread was doing.
#include "block.hpp"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <sstream>

#include "../check/block_checker.hpp"
#include "../count/block_counts.hpp"
#include "cluster.hpp"
#include "lanes.hpp"

namespace talweg::exec {
namespace {

constexpr int kRoundsBeforeYield = 64;  // of slices of all warps
constexpr uint8_t kSharedPoison = 0xcd;

void fill(std::byte* specials, Special special, uint32_t value) {
  uint32_t* words = reinterpret_cast<uint32_t*>(specials + special * kSlotBytes32);
  std::fill(words, words + kLanes, value);
}

void split(uint64_t index, const uint32_t (&sizes)[3], uint32_t (&at)[3]) {
  at[0] = static_cast<uint32_t>(index % sizes[0]);
  at[1] = static_cast<uint32_t>(index / sizes[0] % sizes[1]);
  at[2] = static_cast<uint32_t>(index / sizes[0] / sizes[1]);
}

// Where the block with this rank of a cluster lies: in the grid, its cluster among the clusters, and itself in there.
void place(const LaunchRequest& request, uint64_t cluster, uint32_t rank, uint32_t (&ctaid)[3], uint32_t (&clusterid)[3],
           uint32_t (&in_cluster)[3]) {
  uint32_t clusters[3];
  for (int d = 0; d < 3; d++) clusters[d] = request.grid[d] / request.cluster[d];
  split(cluster, clusters, clusterid);
  split(rank, request.cluster, in_cluster);
  for (int d = 0; d < 3; d++) ctaid[d] = clusterid[d] * request.cluster[d] + in_cluster[d];
}

// The result of bar.red, for the lanes of a group that waited for it.
void write_reduction(Warp& warp, const Group& group, uint32_t count, bool all) {
  const Instr& in = group.pc[-1];
  const Reduction reduction = static_cast<Reduction>(in.imm);
  if (reduction == Reduction::kNone) return;
  std::byte* running = warp.bases[kFrame];
  warp.bases[kFrame] = warp.frame(group.depth);
  if (reduction == Reduction::kCount) {
    uint32_t* d = slot<uint32_t>(warp, in.dst);
    for_each_lane(group.mask, [&](int lane) { d[lane] = count; });
  } else {
    const bool value = reduction == Reduction::kAll ? all : count != 0;
    write_predicate(warp, in.dst, group.mask, value ? kAllLanes : 0);
  }
  warp.bases[kFrame] = running;
}

}  // namespace

void Launch::fail(Status status, std::string report) {
  std::lock_guard<std::mutex> lock(mutex);
  if (failed) return;
  result.status = status;
  result.report = std::move(report);
  failed = true;
}

Block::Block(Launch& launch, Cluster& cluster, uint32_t rank) : launch_(launch), cluster_(cluster), rank_(rank) {
  const LaunchRequest& request = launch.request;
  const uint32_t threads = launch.threads_per_block;
  const uint32_t warps = (threads + kLanes - 1) / kLanes;
  const size_t frame_bytes = launch.program.frame_bytes;
  const size_t special_bytes = kSpecialCount * kSlotBytes32;
  const size_t local_bytes = static_cast<size_t>(launch.function.stack_bytes) * kLanes;
  memory_ = AlignedBuffer(warps * (frame_bytes + special_bytes) + launch.shared_bytes);
  local_bytes_ = warps * local_bytes;
  local_ = AlignedBuffer(local_bytes_);
  shared_ = memory_.data() + warps * (frame_bytes + special_bytes);
  if ((launch.checks & (check::kUninitialised | check::kRaces | check::kBarriers)) != 0 || launch.block_times != nullptr) {
    checker_ = std::make_unique<check::BlockChecker>(*this, launch.checks, local_.data(), local_bytes_);
  }
  if (launch.counts != nullptr) counts_ = std::make_unique<count::BlockCounts>(*this, *launch.counts);
  warps_.resize(warps);
  for (uint32_t w = 0; w < warps; w++) {
    std::byte* registers = memory_.data() + w * (frame_bytes + special_bytes);
    std::byte* specials = registers + frame_bytes;
    warps_[w].prepare(*this, w, registers, specials, local_.data() + w * local_bytes);
    for (int d = 0; d < 3; d++) {
      fill(specials, static_cast<Special>(kNtidX + d), request.block[d]);
      fill(specials, static_cast<Special>(kNctaidX + d), request.grid[d]);
      fill(specials, static_cast<Special>(kClusterNctaidX + d), request.cluster[d]);
      fill(specials, static_cast<Special>(kNclusterIdX + d), request.grid[d] / request.cluster[d]);
    }
    fill(specials, kClusterCtarank, rank);
    fill(specials, kClusterNctarank, cluster.size());
    fill(specials, kIsExplicitCluster, request.explicit_cluster ? kAllLanes : 0);
    fill(specials, kWarpId, w);
    fill(specials, kNwarpId, warps);
    fill(specials, kNsmId, 1);
    fill(specials, kTotalSharedBytes, launch.shared_bytes);
    fill(specials, kDynamicSharedBytes, request.dynamic_shared_bytes);
    fill(specials, kEnvreg1, static_cast<uint32_t>(launch.grid_workspace >> 32));
    fill(specials, kEnvreg2, static_cast<uint32_t>(launch.grid_workspace));
    for (uint32_t lane = 0; lane < kLanes; lane++) {
      const uint32_t thread = w * kLanes + lane;
      const uint32_t values[][2] = {
          {kTidX, thread % request.block[0]},
          {kTidY, thread / request.block[0] % request.block[1]},
          {kTidZ, thread / request.block[0] / request.block[1]},
          {kLaneId, lane},
          {kLanemaskEq, 1u << lane},
          {kLanemaskLt, (1u << lane) - 1},
          {kLanemaskLe, (2u << lane) - 1},
          {kLanemaskGt, ~((2u << lane) - 1)},
          {kLanemaskGe, ~((1u << lane) - 1)},
      };
      for (const auto& value : values) {
        reinterpret_cast<uint32_t*>(specials + value[0] * kSlotBytes32)[lane] = value[1];
      }
    }
  }
}

Block::~Block() = default;

void Block::start(uint64_t cluster_index) {
  const LaunchRequest& request = launch_.request;
  uint32_t ctaid[3], clusterid[3], in_cluster[3];
  place(request, cluster_index, rank_, ctaid, clusterid, in_cluster);
  index_ = (ctaid[2] * request.grid[1] + ctaid[1]) * request.grid[0] + ctaid[0];
  if (seeded()) random_.seed(launch_.seed * 0x9e3779b97f4a7c15u + index_);
  std::memset(shared_, kSharedPoison, launch_.shared_bytes);
  barriers_ = {};
  standstills_.clear();
  if (checker_ != nullptr) checker_->begin();
  const Instr* entry = launch_.program.code.data() + launch_.function.first;
  for (Warp& warp : warps_) {
    for (int d = 0; d < 3; d++) {
      fill(warp.bases[kSpecials], static_cast<Special>(kCtaidX + d), ctaid[d]);
      fill(warp.bases[kSpecials], static_cast<Special>(kClusterIdX + d), clusterid[d]);
      fill(warp.bases[kSpecials], static_cast<Special>(kClusterCtaidX + d), in_cluster[d]);
    }
    const uint32_t threads = launch_.threads_per_block - warp.index() * kLanes;
    warp.start(threads >= kLanes ? kAllLanes : (1u << threads) - 1, entry);
  }
}

Block::Outcome Block::run(std::vector<Remembered>& remembered) {
  remembered_ = &remembered;
  warp_instructions_ = lane_instructions_ = 0;
  suspected_ = launch_.suspected.load(std::memory_order_relaxed);
  standstill_at_ = 0;
  if (!suspected_) standstills_.clear();
  else if (standstills_.empty()) standstills_.resize(warps_.size());
  for (Warp& warp : warps_) warp.suspected = suspected_;
  std::vector<uint32_t> order;
  if (seeded()) {
    order.resize(warps_.size());
    std::iota(order.begin(), order.end(), 0u);
  }
  Outcome outcome = Outcome::kYielded;
  for (int round = 0; round < kRoundsBeforeYield; round++) {
    bool progress = false, finished = true, only_spinning = true;
    if (seeded()) std::shuffle(order.begin(), order.end(), random_);
    for (size_t i = 0; i < warps_.size(); i++) {
      Warp& warp = warps_[seeded() ? order[i] : i];
      if (warp.ready()) {
        progress = true;
        warp.run();
        if (launch_.failed.load(std::memory_order_relaxed)) break;
        if (warp.ready() && !warp.spinning()) only_spinning = false;
        if (!warp.ready()) only_spinning = only_spinning && warp.alive() != 0;
      }
      finished = finished && warp.alive() == 0;
    }
    if (launch_.failed.load(std::memory_order_relaxed)) {
      outcome = Outcome::kFailed;
      break;
    }
    if (finished) {
      outcome = Outcome::kFinished;
      break;
    }
    if (!progress) {
      if (suspected_) look_for_standstill();
      outcome = Outcome::kWaiting;
      break;
    }
    if (launch_.limit != 0 && launch_.executed.load(std::memory_order_relaxed) + warp_instructions_ > launch_.limit) {
      report_limit();
      outcome = Outcome::kFailed;
      break;
    }
    if (suspected_) {
      look_for_standstill();
      if (standstill_at_ != 0) break;
    }
    if (only_spinning && ready()) break;
  }
  if (counts_ != nullptr) counts_->flush();
  if (launch_.limit != 0) launch_.executed.fetch_add(warp_instructions_, std::memory_order_relaxed);
  counters().warp_instructions.fetch_add(warp_instructions_, std::memory_order_relaxed);
  counters().lane_instructions.fetch_add(lane_instructions_, std::memory_order_relaxed);
  return outcome;
}

void Block::arrive(int index, Warp& warp, uint32_t lanes, uint32_t expected, uint32_t true_lanes) {
  Barrier& barrier = barriers_[static_cast<size_t>(index)];
  if (suspected_) changed();
  barrier.in_use = true;
  barrier.expected = expected;
  barrier.arrived[warp.index()] |= lanes;
  barrier.true_count += static_cast<uint32_t>(__builtin_popcount(true_lanes & lanes));
  barrier.false_count += static_cast<uint32_t>(__builtin_popcount(~true_lanes & lanes));
  complete_if_full(index);
}

bool Block::ready() const {
  return std::any_of(warps_.begin(), warps_.end(), [](const Warp& warp) { return warp.ready(); });
}

bool Block::ended() const {
  return std::all_of(warps_.begin(), warps_.end(), [](const Warp& warp) { return warp.alive() == 0; });
}

void Block::lanes_exited() {
  if (suspected_) changed();
  cluster_.lanes_exited();
  for (int i = 0; i < 16; i++) {
    if (barriers_[static_cast<size_t>(i)].in_use) complete_if_full(i);
  }
}

// A count is in whole warps: lanes that do not exist or have exited count as arrived with the rest of their warp.
void Block::complete_if_full(int index) {
  Barrier& barrier = barriers_[static_cast<size_t>(index)];
  uint32_t count = 0;
  for (const Warp& warp : warps_) {
    const uint32_t arrived = barrier.arrived[warp.index()];
    if (barrier.expected == 0) {
      if ((warp.alive() & ~arrived) != 0) return;
    } else if (arrived != 0) {
      count += static_cast<uint32_t>(__builtin_popcount(arrived | ~warp.alive()));
    }
  }
  if (count < barrier.expected) return;
  if (checker_ != nullptr &&
      !checker_->barrier_completes(static_cast<uint32_t>(index), warps_, barrier.arrived.data(),
                                   barrier.expected == 0)) {
    return;
  }
  if (counts_ != nullptr) counts_->barrier();
  const uint32_t popc = barrier.true_count;
  const bool all = barrier.false_count == 0;
  barrier = {};
  for (Warp& warp : warps_) {
    warp.for_each_group([&](Group& group) {
      if (group.state != Group::State::kBarrier || group.barrier != index) return;
      group.state = Group::State::kReady;
      write_reduction(warp, group, popc, all);
    });
  }
}

std::string Block::where(const Instr& instr) const {
  const SourcePlace place = launch_.program.place(instr);
  std::ostringstream out;
  if (place.line > 0) {
    out << place.file << ':' << place.line;
    if (place.caller_line > 0) out << " (inlined at " << place.caller_file << ':' << place.caller_line << ')';
  } else {
    out << "PTX line " << place.ptx_line;
  }
  return out.str();
}

std::string Block::name(uint64_t index) const {
  uint32_t ctaid[3];
  split(index, launch_.request.grid, ctaid);
  std::ostringstream out;
  out << "block (" << ctaid[0] << ',' << ctaid[1] << ',' << ctaid[2] << ')';
  return out.str();
}

std::string Block::thread_name(uint32_t warp, int lane) const {
  const uint32_t* size = launch_.request.block;
  const uint32_t thread = warp * kLanes + static_cast<uint32_t>(lane);
  std::ostringstream out;
  out << "thread (" << thread % size[0] << ',' << thread / size[0] % size[1] << ',' << thread / size[0] / size[1]
      << ')';
  return out.str();
}

const Instr* Block::fault(Warp& warp, const Instr& instr, int lane, Status status, const std::string& what) {
  launch_.fail(status, "kernel '" + launch_.function.name + "' at " + where(instr) + ": " + name(index_) + ", " +
                           thread_name(warp.index(), lane) + ": " + what);
  return stop();
}

void Block::look_for_standstill() {
  const uint64_t changes = launch_.changes.load(std::memory_order_relaxed);
  bool all = true;
  for (size_t w = 0; w < warps_.size(); w++) {
    if (warps_[w].ready()) all = standstills_[w].circles(warps_[w], changes) && all;
  }
  standstill_at_ = all ? changes : 0;
}

void Block::report_standstill(uint64_t others) {
  report_deadlock(Status::kLaunchTimeout, "no progress: ",
                  others == 0 ? "" : "; " + std::to_string(others) + " other blocks get no further either");
}

void Block::report_limit() {
  report_deadlock(Status::kLaunchTimeout, "launch limit of " + std::to_string(launch_.limit) + " instructions: ", "");
}

void Block::report_deadlock(Status status, const std::string& prefix, const std::string& suffix) {
  // The first thread that waits for lanes of its own warp, else the first at a barrier, of the block or else of the
  // cluster; and one that waits elsewhere.
  struct Waiting {
    Warp* warp = nullptr;
    const Instr* instr = nullptr;
    uint32_t mask = 0;
    Group::State state = Group::State::kReady;
    int barrier = 0;
  };
  std::vector<Waiting> waiting;
  for (Warp& warp : warps_) {
    warp.for_each_group([&](Group& group) {
      const bool barrier = group.state == Group::State::kBarrier || group.state == Group::State::kCluster;
      waiting.push_back({&warp, barrier ? group.pc - 1 : group.pc, group.mask, group.state, group.barrier});
    });
  }
  std::stable_sort(waiting.begin(), waiting.end(), [](const Waiting& a, const Waiting& b) {
    const auto rank = [](Group::State state) {
      switch (state) {
        case Group::State::kSync: return 0;
        case Group::State::kBarrier: return 1;
        case Group::State::kCluster: return 2;
        default: return 3;
      }
    };
    return rank(a.state) < rank(b.state);
  });
  const Waiting& first = waiting.front();
  std::ostringstream what;
  what << prefix;
  uint32_t together = 0;
  const Waiting* elsewhere = nullptr;
  for (const Waiting& other : waiting) {
    if (other.instr == first.instr) together += static_cast<uint32_t>(__builtin_popcount(other.mask));
    else if (elsewhere == nullptr || (elsewhere->warp != first.warp && other.warp == first.warp)) elsewhere = &other;
  }
  if (first.state == Group::State::kSync) {
    what << "divergent warp sync: lanes of its mask never arrive";
  } else if (first.state == Group::State::kReady) {
    what << "it would run for ever";
  } else if (first.state == Group::State::kCluster) {
    what << "the barrier of the cluster never completes: " << cluster_.arrivals();
    elsewhere = nullptr;
  } else {
    what << "barrier " << first.barrier << " never completes: " << together << " of " << launch_.threads_per_block
         << " threads wait here";
  }
  if (elsewhere != nullptr) {
    what << "; " << thread_name(elsewhere->warp->index(), __builtin_ctz(elsewhere->mask))
         << (elsewhere->state == Group::State::kReady ? " spins at " : " waits at ") << where(*elsewhere->instr);
  }
  what << suffix;
  fault(*first.warp, *first.instr, __builtin_ctz(first.mask), status, what.str());
}

}  // namespace talweg::exec
