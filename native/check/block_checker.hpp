// The checks of one block while it runs: what its threads read was written, who meets in shared memory is ordered, and
// barriers are reached together. One CPU thread at a time runs a block, so nothing here is locked.
#pragma once

#include <cstdint>
#include <vector>

#include "../exec/memory_access.hpp"
#include "global_meetings.hpp"
#include "remote_cells.hpp"
#include "shared_shadow.hpp"
#include "switches.hpp"

namespace talweg::exec {
struct BulkCopy;
}

namespace talweg::check {

class BlockChecker {
 public:
  // `local` is the local memory of all threads of the block. Checks are bits of check::Check.
  BlockChecker(exec::Block& block, uint32_t checks, const std::byte* local, size_t local_bytes);
  void begin();  // of a block

  // After an access was located. False if it was reported.
  bool access(exec::Warp& warp, const exec::Instr& in, exec::Region region, uint32_t active, uint32_t bytes,
              exec::Access access, const exec::Located& located);

  void warp_synchronised(const exec::Warp& warp) {
    if (shared_ == nullptr) return;
    shared_->times().warp_sync(warp.index());
    shared_->synchronised(warp.index());
  }
  void barrier_released(uint32_t barrier, const exec::Warp& warp) {  // bar.arrive
    if (shared_ != nullptr) shared_->times().release(barrier, warp.index());
  }
  // Before those who wait go on; `arrived` are lanes, by warp. To a barrier of all threads, those that have ended
  // count as arrived. False if it was reported.
  bool barrier_completes(uint32_t barrier, std::vector<exec::Warp>& warps, const uint32_t* arrived, bool of_all);

  // Calls copy parameters and results from frame to frame; a frame is unwritten when it is entered.
  void frame_entered(const std::byte* frame, size_t bytes);
  void frame_copied(const std::byte* to, const std::byte* from, size_t bytes);
  void frame_written(const std::byte* to, size_t bytes);

  // For cp.async, which has located the bytes as a write: they belong to nobody until `lane` has waited for its copy.
  // Reads and writes of them are reported as a missing wait. `shared` points into the block's shared memory.
  void copy_begins(const exec::Warp& warp, const exec::Instr& in, int lane, const std::byte* shared, uint32_t bytes);
  void copy_arrives(uint32_t warp, int lane, const std::byte* shared, uint32_t bytes);

  // The same for a bulk copy into this block's memory, which belongs to nobody until its mbarrier has been looked at.
  void bulk_begins(const exec::BulkCopy& copy);
  void bulk_arrives(const exec::BulkCopy& copy);

  // What was done before an arrival at an mbarrier, or at the barrier of the cluster, is ordered before what is done
  // after a wait for it.
  void object_arrives(const exec::Warp& warp, const void* object);
  void object_waited(const exec::Warp& warp, const void* object);

 private:
  bool global(exec::Warp& warp, const exec::Instr& in, uint32_t active, uint32_t bytes, exec::Access access,
              const exec::Located& located);
  bool shared(exec::Warp& warp, const exec::Instr& in, uint32_t active, uint32_t bytes, exec::Access access,
              const exec::Located& located);
  bool local(exec::Warp& warp, const exec::Instr& in, int lane, const std::byte* host, uint32_t bytes,
             exec::Access access);
  bool mixed(exec::Warp& warp, const exec::Instr& in, uint32_t active, uint32_t bytes, exec::Access access,
             const exec::Located& located);
  bool remote(exec::Warp& warp, const exec::Instr& in, int lane, exec::Block& owner, const std::byte* host, uint32_t bytes,
              exec::Access access);
  bool met_by_others(exec::Warp& warp, const exec::Instr& in, uint32_t active, uint32_t bytes, SharedAccess access,
                     const exec::Located& located);
  bool report_remote(exec::Warp& warp, const exec::Instr& in, int lane, SharedAccess access, uint32_t address, uint32_t bytes,
                     const RemoteTouch& earlier);
  void hand_over(const void* word, SharedAccess access);
  bool overwrites_source(exec::Warp& warp, const exec::Instr& in, uint32_t active, uint32_t bytes,
                         const exec::Located& located);
  bool report(exec::Warp& warp, const exec::Instr& in, uint32_t bytes, const SharedRequest& request,
              const SharedFault& fault);
  bool aligned_together(uint32_t barrier, exec::Warp& warp, uint32_t arrived);

  exec::Block& block_;
  const uint32_t checks_;
  GlobalMeetings meetings_;
  std::unique_ptr<SharedShadow> shared_;
  std::unique_ptr<RemoteCells> remote_;  // once another block of the cluster has touched shared memory
  const std::byte* local_;
  std::vector<uint8_t> local_written_;  // a byte for each
};

}  // namespace talweg::check
