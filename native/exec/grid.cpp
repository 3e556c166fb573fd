// Spreads the clusters of a grid, most often of one block each, over the CPU's threads. One that only spins gives its
// thread to another one.
#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <numeric>
#include <thread>

#include "../count/launch_counts.hpp"
#include "cluster.hpp"
#include "float_state.hpp"

namespace talweg::exec {
namespace {

constexpr size_t kResidentBlocks = 512;  // begun and not finished, unless the launch is cooperative
constexpr size_t kPatience = 64, kPatienceOfEach = 8;  // slices of clusters, of which none ends one

// One launch on its way. Helper threads may look at it after the launch has ended, hence shared ownership.
class GridRun {
 public:
  GridRun(Launch& launch, uint64_t clusters, uint64_t blocks_of_each)
      : launch_(launch), clusters_(clusters), most_resident_(std::max<size_t>(1, kResidentBlocks / blocks_of_each)) {
    if (launch.seed == 0) return;
    // An affine permutation shuffles any number of clusters without a table.
    std::mt19937_64 random(launch.seed);
    offset_ = random() % clusters;
    do step_ = random() % clusters + 1;
    while (std::gcd(step_, clusters) != 1);
  }

  void work() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (over()) return;
    workers_++;
    const FloatState ours;
    std::vector<Remembered> remembered(launch_.program.remembered_allocations);
    std::unique_ptr<Cluster> spare;
    while (std::unique_ptr<Cluster> cluster = take(lock, spare)) {
      lock.unlock();
      const Block::Outcome outcome = cluster->run(remembered);
      lock.lock();
      running_--;
      if (!cluster->suspected()) {  // it may have changed anything
        launch_.changes++;
        changes_++;
      }
      if (outcome == Block::Outcome::kYielded) {
        yielded_.push_back(std::move(cluster));
        if (++fruitless_ > kPatience + kPatienceOfEach * resident_) suspect();
      } else {
        launch_.suspected = false;
        fruitless_ = 0;
        resident_--;
        if (outcome == Block::Outcome::kFinished) finished_++;
        spare = std::move(cluster);
      }
      changed_.notify_all();
    }
    workers_--;
    changed_.notify_all();
  }

  // After the caller's own work(): until the helpers have let go of the launch.
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return workers_ == 0; });
    closed_ = true;
  }

 private:
  bool over() const { return closed_ || finished_ == clusters_ || (launch_.failed && running_ == 0); }

  std::unique_ptr<Cluster> take(std::unique_lock<std::mutex>& lock, std::unique_ptr<Cluster>& spare) {
    for (;;) {
      if (over() || launch_.failed) return nullptr;
      if (next_ < clusters_ && (resident_ < most_resident_ || launch_.request.cooperative)) {
        const uint64_t index = (next_++ * step_ + offset_) % clusters_;
        resident_++;
        running_++;
        std::unique_ptr<Cluster> cluster = std::move(spare);
        lock.unlock();
        if (cluster == nullptr) cluster = std::make_unique<Cluster>(launch_);
        cluster->start(index);
        lock.lock();
        return cluster;
      }
      const auto next = std::find_if(yielded_.begin(), yielded_.end(),
                                     [](const std::unique_ptr<Cluster>& cluster) { return !cluster->at_standstill(); });
      if (next != yielded_.end()) {
        std::unique_ptr<Cluster> cluster = std::move(*next);
        yielded_.erase(next);
        running_++;
        return cluster;
      }
      if (running_ == 0 && !yielded_.empty()) {
        yielded_.front()->report_standstill(yielded_.size() - 1);
        changed_.notify_all();
        return nullptr;
      }
      changed_.wait(lock);
    }
  }

  // Blocks look for a standstill as long as nothing changes.
  void suspect() {
    const uint64_t changes = launch_.changes.load(std::memory_order_relaxed);
    const bool cleared = launch_.suspected && changes != changes_;
    if (cleared) fruitless_ = 0;
    changes_ = changes;
    launch_.suspected = !cleared;
  }

  Launch& launch_;
  const uint64_t clusters_;
  const size_t most_resident_;
  uint64_t step_ = 1, offset_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t next_ = 0, finished_ = 0;
  size_t resident_ = 0, fruitless_ = 0;  // slices since a block ended or memory changed
  uint64_t changes_ = 0;
  int running_ = 0, workers_ = 0;
  bool closed_ = false;
  std::deque<std::unique_ptr<Cluster>> yielded_;
};

// Threads that help with launches; made when first needed, asleep in between, never joined.
class Helpers {
 public:
  static Helpers& instance() {
    static Helpers& helpers = *new Helpers;
    return helpers;
  }

  void help(const std::shared_ptr<GridRun>& run, int count) {
    std::lock_guard<std::mutex> lock(mutex_);
    while (threads_ < count) {
      std::thread([this] { serve(); }).detach();
      threads_++;
    }
    for (int i = 0; i < count; i++) waiting_.push_back(run);
    wake_.notify_all();
  }

 private:
  void serve() {
    for (;;) {
      std::shared_ptr<GridRun> run;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [this] { return !waiting_.empty(); });
        run = std::move(waiting_.front());
        waiting_.pop_front();
      }
      run->work();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<GridRun>> waiting_;
  int threads_ = 0;
};

// What cooperative_groups finds through %envreg1 and %envreg2: eight bytes, of which the last four are the barrier.
class GridWorkspace {
 public:
  GridWorkspace(DeviceMemory& memory, bool needed) : memory_(memory) {
    if (!needed) return;
    address_ = memory.allocate(kBytes, "grid workspace");
    if (address_ == 0) return;
    std::memset(reinterpret_cast<void*>(address_), 0, kBytes);
    memory.mark_written(address_, kBytes);
  }
  ~GridWorkspace() {
    if (address_ != 0) memory_.release(address_);
  }
  uint64_t address() const { return address_; }

 private:
  static constexpr uint64_t kBytes = 256;
  DeviceMemory& memory_;
  uint64_t address_ = 0;
};

LaunchResult refuse(Status status, const std::string& report) { return {status, report}; }

}  // namespace

LaunchResult launch(const LaunchRequest& request, DeviceMemory& memory) {
  const ptx::DecodedFunction& function = *request.kernel->code;
  uint64_t blocks = 1, threads = 1;
  for (int d = 0; d < 3; d++) {
    blocks *= request.grid[d];
    threads *= request.block[d];
  }
  if (blocks == 0 || threads == 0) return refuse(Status::kInvalidValue, "a launch needs at least one block and thread");
  if (threads > static_cast<uint64_t>(request.kernel->max_threads)) {
    return refuse(Status::kInvalidValue, "kernel '" + function.name + "' allows " +
                                             std::to_string(request.kernel->max_threads) + " threads a block, not " +
                                             std::to_string(threads));
  }
  Launch state(request, memory);
  state.shared_bytes = function.static_shared_bytes + request.dynamic_shared_bytes;
  state.threads_per_block = static_cast<uint32_t>(threads);
  state.seed = settings().schedule_seed;
  state.approximation_seed = settings().approximation_seed;
  const GridWorkspace workspace(memory, request.cooperative);
  if (request.cooperative && workspace.address() == 0) {
    return refuse(Status::kLaunchOutOfResources, "no device memory left for a grid-wide barrier");
  }
  state.grid_workspace = workspace.address();
  state.limit = settings().launch_limit;
  state.truncating_mma = settings().truncating_mma;
  state.checks = check::switches();
  state.check_bounds = (state.checks & check::kBounds) != 0;
  std::unique_ptr<check::BlockTimes> times;
  if ((state.checks & check::kGlobalRaces) != 0 && blocks > 1 && blocks < check::BlockTimes::kMaxBlocks) {
    times = std::make_unique<check::BlockTimes>(blocks);
    state.block_times = times.get();
  }
  counters().launches.fetch_add(1, std::memory_order_relaxed);
  std::unique_ptr<count::LaunchCounts> counts;
  if (count::counting()) {
    counts = std::make_unique<count::LaunchCounts>();
    state.counts = counts.get();
    state.seed = 0;  // warps cut in pieces would issue more instructions
  }

  const uint64_t blocks_of_cluster = uint64_t{request.cluster[0]} * request.cluster[1] * request.cluster[2];
  const uint64_t clusters = blocks / blocks_of_cluster;
  int workers = settings().threads;
  if (workers <= 0) workers = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  workers = static_cast<int>(std::min<uint64_t>(static_cast<uint64_t>(workers), clusters));
  auto run = std::make_shared<GridRun>(state, clusters, blocks_of_cluster);
  if (workers > 1) Helpers::instance().help(run, workers - 1);
  run->work();
  run->wait();
  if (counts != nullptr) counts->finish(function.name, request.grid, request.block, state.shared_bytes);
  return state.result;
}

}  // namespace talweg::exec
