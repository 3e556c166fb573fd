#include "block_checker.hpp"

#include <algorithm>
#include <cstring>
#include <sstream>

#include "../exec/cluster.hpp"
#include "store_registers.hpp"
#include "written_bytes.hpp"

namespace talweg::check {

using exec::Access;
using exec::Block;
using exec::Instr;
using exec::kLanes;
using exec::Located;
using exec::Shape;
using exec::Region;
using exec::Warp;

namespace {

SharedAccess kind_of(const Instr& in, Access access) {
  return {access != Access::kWrite, access != Access::kRead,
          access == Access::kAtomic || (in.access & exec::kStrong) != 0};
}

const char* verb(SharedAccess access) {
  return !access.writes ? "read" : access.reads ? "atomic access" : "write";
}

// Bytes that are not written, as a report says them.
bool unwritten(Warp& warp, const Instr& in, int lane, const std::string& what) {
  warp.block->fault(warp, in, lane, exec::Status::kLaunchFailed, "uninitialised read of " + what);
  return false;
}

std::string shared_address(uint32_t address) {
  std::ostringstream out;
  out << "shared memory address 0x" << std::hex << address;
  return out.str();
}

}  // namespace

BlockChecker::BlockChecker(Block& block, uint32_t checks, const std::byte* local, size_t local_bytes)
    : block_(block), checks_(checks), meetings_(block), local_(local) {
  const bool uninitialised = (checks & kUninitialised) != 0, races = (checks & kRaces) != 0;
  if (block.shared_bytes() > 0 && (uninitialised || races)) {
    const uint32_t warps = (block.launch().threads_per_block + kLanes - 1) / kLanes;
    shared_ = std::make_unique<SharedShadow>(block.shared(), block.shared_bytes(), warps, uninitialised, races);
  }
  if (uninitialised) local_written_.resize(local_bytes);
}

void BlockChecker::begin() {
  meetings_.begin();
  if (shared_ != nullptr) shared_->begin();
  remote_.reset();
  std::fill(local_written_.begin(), local_written_.end(), uint8_t{0});
}

bool BlockChecker::access(Warp& warp, const Instr& in, Region region, uint32_t active, uint32_t bytes, Access access,
                          const Located& located) {
  switch (region) {
    case Region::kGlobal: return global(warp, in, active, bytes, access, located);
    case Region::kShared: return shared(warp, in, active, bytes, access, located);
    default: return mixed(warp, in, active, bytes, access, located);
  }
}

// Allocations that nobody tracks count as written: host memory, module variables, what was there before the check.
bool BlockChecker::global(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes, Access access,
                          const Located& located) {
  if (block_.launch().block_times != nullptr && !meetings_.access(warp, in, active, bytes, access, located)) return false;
  if ((checks_ & kUninitialised) == 0) return true;
  const auto one = [&](int lane, uint64_t address) {
    const exec::Remembered* memory = exec::remember(block_, in, address);
    if (memory == nullptr || memory->written == nullptr) return true;
    const uint64_t offset = address - memory->base;
    if (access != Access::kWrite && !memory->written->element_written(offset, bytes)) {
      return unwritten(warp, in, lane, block_.launch().memory.describe(address, bytes));
    }
    if (access != Access::kRead) memory->written->mark_element(offset, bytes);
    return true;
  };
  const uint64_t first = reinterpret_cast<uint64_t>(located.host[0]);
  switch (located.shape) {
    case Shape::kContiguous: {
      const exec::Remembered* memory = exec::remember(block_, in, first);
      if (memory == nullptr || memory->written == nullptr) return true;
      if (access != Access::kWrite && !memory->written->written(first - memory->base, kLanes * bytes)) {
        for (int lane = 0; lane < kLanes; lane++) {
          if (!one(lane, first + static_cast<uint64_t>(lane) * bytes)) return false;
        }
      }
      if (access != Access::kRead) memory->written->mark(first - memory->base, kLanes * bytes);
      return true;
    }
    case Shape::kUniform: return one(__builtin_ctz(active), first);
    default:
      for (uint32_t left = active; left != 0; left &= left - 1) {
        const int lane = __builtin_ctz(left);
        if (!one(lane, reinterpret_cast<uint64_t>(located.host[lane]))) return false;
      }
      return true;
  }
}

bool BlockChecker::shared(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes, Access access,
                          const Located& located) {
  if (shared_ == nullptr) return true;
  if (access != Access::kRead && overwrites_source(warp, in, active, bytes, located)) return false;
  SharedRequest request;
  request.access = kind_of(in, access);
  if (block_.cluster().size() > 1 && (checks_ & kRaces) != 0 && (remote_ != nullptr || request.access.strong) &&
      met_by_others(warp, in, active, bytes, request.access, located)) {
    return false;
  }
  request.warp = warp.index();
  request.instruction = static_cast<uint32_t>(&in - block_.launch().program.code.data());
  request.active = active;
  request.bytes = bytes;
  request.row = located.shape == Shape::kContiguous;
  request.uniform = located.shape == Shape::kUniform;
  const std::byte* base = block_.shared();
  if (located.shape == Shape::kSpread) {
    for (uint32_t left = active; left != 0; left &= left - 1) {
      const int lane = __builtin_ctz(left);
      request.address[lane] = static_cast<uint32_t>(located.host[lane] - base);
    }
  } else {
    request.address[0] = static_cast<uint32_t>(located.host[0] - base);
  }
  const SharedFault fault = shared_->access(request, StoreRegisters(warp, in, bytes));
  return fault.kind == SharedFault::Kind::kNone || report(warp, in, bytes, request, fault);
}

bool BlockChecker::report(Warp& warp, const Instr& in, uint32_t bytes, const SharedRequest& request,
                          const SharedFault& fault) {
  const char* what = verb(request.access);
  std::ostringstream out;
  const auto earlier = [&](const char* did) {
    const Instr& place = block_.launch().program.code[fault.earlier_instruction];
    out << did << " by " << block_.thread_name(fault.earlier_warp, static_cast<int>(fault.earlier_lane)) << " at "
        << block_.where(place);
  };
  switch (fault.kind) {
    case SharedFault::Kind::kNeverWritten:
      return unwritten(warp, in, static_cast<int>(fault.lane),
                       std::to_string(bytes) + " bytes at " + shared_address(fault.address) + " of " +
                           std::to_string(block_.shared_bytes()) + ": never written in this block");
    case SharedFault::Kind::kPendingCopy:
      out << what << " of " << bytes << " bytes at " << shared_address(fault.address) << ": missing wait: the asynchronous copy ";
      earlier("begun");
      out << " is still on its way";
      break;
    default:
      out << "race: " << what << " of " << bytes << " bytes at " << shared_address(fault.address) << " of "
          << block_.shared_bytes() << ", ";
      if (fault.kind == SharedFault::Kind::kSameInstruction) {
        out << "which " << block_.thread_name(fault.earlier_warp, static_cast<int>(fault.earlier_lane))
            << " writes in the same instruction with another value";
      } else {
        const bool wrote = fault.kind == SharedFault::Kind::kAfterWrite;
        earlier(fault.atomic ? "atomically accessed" : wrote ? "written" : "read");
        out << ", with no barrier in between";
      }
  }
  block_.fault(warp, in, static_cast<int>(fault.lane), exec::Status::kLaunchFailed, out.str());
  return false;
}

bool BlockChecker::local(Warp& warp, const Instr& in, int lane, const std::byte* host, uint32_t bytes, Access access) {
  uint8_t* written = local_written_.data() + (host - local_);
  if (access != Access::kWrite && std::memchr(written, 0, bytes) != nullptr) {
    return unwritten(warp, in, lane, std::to_string(bytes) + " bytes at local memory address " +
                                         std::to_string(host - warp.local_memory(lane)) + " of " +
                                         std::to_string(block_.launch().function.stack_bytes) + ": never written");
  }
  if (access != Access::kRead) std::memset(written, 1, bytes);
  return true;
}

bool BlockChecker::mixed(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes, Access access,
                         const Located& located) {
  uint32_t in_shared = 0, elsewhere = 0;
  for (uint32_t left = active; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const std::byte* host = located.host[located.shape == Shape::kSpread ? lane : 0];
    const uint64_t shared_offset = static_cast<uint64_t>(host - block_.shared());
    if (shared_offset < block_.shared_bytes()) {
      in_shared |= 1u << lane;
    } else if (block_.is_local(host)) {
      if (!local_written_.empty() && !local(warp, in, lane, host, bytes, access)) return false;
    } else if (exec::Block* owner = block_.cluster().owner_of(host)) {
      if (!remote(warp, in, lane, *owner, host, bytes, access)) return false;
    } else {
      elsewhere |= 1u << lane;
    }
  }
  return (in_shared == 0 || shared(warp, in, in_shared, bytes, access, located)) &&
         (elsewhere == 0 || global(warp, in, elsewhere, bytes, access, located));
}

// In the shared memory of another block of the cluster.
bool BlockChecker::remote(Warp& warp, const Instr& in, int lane, Block& owner, const std::byte* host, uint32_t bytes,
                          Access access) {
  BlockChecker& theirs = *owner.checker();
  if (theirs.shared_ == nullptr) return true;
  Located one;
  one.shape = Shape::kUniform;
  one.host[0] = const_cast<std::byte*>(host);
  if (access != Access::kRead && overwrites_source(warp, in, 1u << lane, bytes, one)) return false;
  const SharedAccess kind = kind_of(in, access);
  const uint32_t address = static_cast<uint32_t>(host - owner.shared()), rank = block_.rank();
  const ClusterTimes& times = block_.cluster().times();
  if (kind.strong) hand_over(host, kind);
  const SharedFault fault = theirs.shared_->access_by_others(address, bytes, kind, times.known(rank, owner.rank()));
  if (fault.kind == SharedFault::Kind::kNeverWritten) {
    return unwritten(warp, in, lane, std::to_string(bytes) + " bytes at " + shared_address(address) + " of " +
                                         owner.name(owner.index()) + " of the cluster: never written");
  }
  if (fault.kind != SharedFault::Kind::kNone) {
    std::ostringstream out;
    const bool pending = fault.kind == SharedFault::Kind::kPendingCopy;
    out << (pending ? "" : "race between blocks of the cluster: ") << verb(kind) << " of " << bytes << " bytes at "
        << shared_address(address) << " of " << owner.name(owner.index())
        << (pending ? ": missing wait: a bulk copy begun at " : fault.kind == SharedFault::Kind::kAfterWrite ? ", written by " : ", read by ");
    if (!pending) out << theirs.block_.thread_name(fault.earlier_warp, static_cast<int>(fault.earlier_lane)) << " there at ";
    out << block_.where(block_.launch().program.code[fault.earlier_instruction])
        << (pending ? " is still on its way" : ", with no barrier in between");
    block_.fault(warp, in, lane, exec::Status::kLaunchFailed, out.str());
    return false;
  }
  if ((checks_ & kRaces) != 0) {
    if (theirs.remote_ == nullptr) theirs.remote_ = std::make_unique<RemoteCells>(owner.shared_bytes());
    const RemoteTouch* met = theirs.remote_->conflict(address, bytes, kind.writes, kind.strong, [&](const RemoteTouch& touch) {
      return touch.block == rank || touch.time <= times.known(rank, touch.block);
    });
    if (met != nullptr) return report_remote(warp, in, lane, kind, address, bytes, *met);
    RemoteTouch touch;
    touch.time = shared_->times().now();
    touch.instruction = static_cast<uint32_t>(&in - block_.launch().program.code.data());
    touch.block = static_cast<uint8_t>(rank);
    touch.warp = static_cast<uint8_t>(warp.index());
    touch.lane = static_cast<uint8_t>(lane);
    touch.strong = kind.strong;
    theirs.remote_->note(address, bytes, kind.writes, touch);
  }
  if (kind.writes) theirs.shared_->written_by_others(address, bytes);
  return true;
}

// An access to the block's own memory, which other blocks of the cluster have touched.
bool BlockChecker::met_by_others(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes, SharedAccess access,
                                 const Located& located) {
  const ClusterTimes& times = block_.cluster().times();
  for (uint32_t left = active; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const std::byte* host = located.of(lane, bytes);
    if (access.strong) hand_over(host, access);
    if (remote_ == nullptr) continue;
    const uint32_t address = static_cast<uint32_t>(host - block_.shared());
    const RemoteTouch* met = remote_->conflict(address, bytes, access.writes, access.strong, [&](const RemoteTouch& touch) {
      return touch.time <= times.known(block_.rank(), touch.block);
    });
    if (met != nullptr) return !report_remote(warp, in, lane, access, address, bytes, *met);
  }
  return false;
}

bool BlockChecker::report_remote(Warp& warp, const Instr& in, int lane, SharedAccess access, uint32_t address,
                                 uint32_t bytes, const RemoteTouch& earlier) {
  Block& other = block_.cluster().block(earlier.block);
  std::ostringstream out;
  out << "race between blocks of the cluster: " << verb(access) << " of " << bytes << " bytes at " << shared_address(address)
      << ", touched by " << other.name(other.index()) << ", " << block_.thread_name(earlier.warp, earlier.lane) << " at "
      << block_.where(block_.launch().program.code[earlier.instruction]) << ", with no barrier in between";
  block_.fault(warp, in, lane, exec::Status::kLaunchFailed, out.str());
  return false;
}

// Between blocks, atomics and volatile accesses to a word hand over what was done before, whatever their order.
void BlockChecker::hand_over(const void* word, SharedAccess access) {
  ClusterTimes& times = block_.cluster().times();
  if (access.reads) times.acquire(word, block_.rank());
  if (access.writes) times.release(word, block_.rank(), shared_->times().now());
}

void BlockChecker::frame_entered(const std::byte* frame, size_t bytes) {
  if (!local_written_.empty()) std::memset(local_written_.data() + (frame - local_), 0, bytes);
}

void BlockChecker::frame_copied(const std::byte* to, const std::byte* from, size_t bytes) {
  if (local_written_.empty()) return;
  std::memcpy(local_written_.data() + (to - local_), local_written_.data() + (from - local_), bytes);
}

void BlockChecker::frame_written(const std::byte* to, size_t bytes) {
  if (!local_written_.empty()) std::memset(local_written_.data() + (to - local_), 1, bytes);
}

void BlockChecker::copy_begins(const Warp& warp, const Instr& in, int lane, const std::byte* shared, uint32_t bytes) {
  if (shared_ == nullptr) return;
  shared_->copy_begins(warp.index(), static_cast<uint32_t>(lane),
                       static_cast<uint32_t>(&in - block_.launch().program.code.data()),
                       static_cast<uint32_t>(shared - block_.shared()), bytes);
}

void BlockChecker::copy_arrives(uint32_t warp, int lane, const std::byte* shared, uint32_t bytes) {
  if (shared_ == nullptr) return;
  shared_->copy_arrives(warp, static_cast<uint32_t>(lane), static_cast<uint32_t>(shared - block_.shared()), bytes);
}

void BlockChecker::bulk_begins(const exec::BulkCopy& copy) {
  if (shared_ == nullptr || copy.reduce != nullptr) return;
  shared_->copy_begins(copy.warp->index(), static_cast<uint32_t>(copy.lane),
                       static_cast<uint32_t>(copy.instr - block_.launch().program.code.data()),
                       static_cast<uint32_t>(copy.destination - block_.shared()), copy.bytes);
}

void BlockChecker::bulk_arrives(const exec::BulkCopy& copy) {
  if (shared_ == nullptr) return;
  const uint32_t address = static_cast<uint32_t>(copy.destination - block_.shared());
  if (copy.warp->block != &block_) {
    shared_->written_by_others(address, copy.bytes);
    copy.warp->block->checker()->object_arrives(*copy.warp, copy.mbarrier);
    return;
  }
  if (copy.reduce == nullptr) {
    shared_->copy_arrives(copy.warp->index(), static_cast<uint32_t>(copy.lane), address, copy.bytes);
  }
  object_arrives(*copy.warp, copy.mbarrier);
}

// A bulk copy still reads what is about to be written.
bool BlockChecker::overwrites_source(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes,
                                     const Located& located) {
  const exec::BulkCopies& copies = block_.cluster().copies();
  if ((checks_ & kRaces) == 0 || copies.empty()) return false;
  for (uint32_t left = active; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const std::byte* host = located.of(lane, bytes);
    const exec::BulkCopy* copy = copies.reading(host, bytes);
    if (copy == nullptr) continue;
    block_.fault(warp, in, lane, exec::Status::kLaunchFailed,
                 "write of " + std::to_string(bytes) + " bytes at " +
                     shared_address(static_cast<uint32_t>(host - copy->source_owner->shared())) +
                     ": missing wait: the bulk copy begun by " +
                     block_.thread_name(copy->warp->index(), copy->lane) + " at " + block_.where(*copy->instr) +
                     " still reads it");
    return true;
  }
  return false;
}

void BlockChecker::object_arrives(const Warp& warp, const void* object) {
  if (shared_ == nullptr) return;
  if (block_.cluster().size() > 1) block_.cluster().times().release(object, block_.rank(), shared_->times().now());
  shared_->times().release(object, warp.index());
}

void BlockChecker::object_waited(const Warp& warp, const void* object) {
  if (shared_ == nullptr) return;
  shared_->times().acquire(object, warp.index());
  if (block_.cluster().size() > 1) {
    const uint32_t own = block_.cluster().times().acquire(object, block_.rank());
    if (own != 0) shared_->times().acquire_all(own, warp.index());
  }
  shared_->synchronised(warp.index());
}

bool BlockChecker::barrier_completes(uint32_t barrier, std::vector<Warp>& warps, const uint32_t* arrived,
                                     bool of_all) {
  uint32_t waiting = 0, with_us = 0;
  for (Warp& warp : warps) {
    const uint32_t bit = 1u << warp.index();
    bool waits = false;
    warp.for_each_group([&](const exec::Group& group) {
      waits = waits || (group.state == exec::Group::State::kBarrier && group.barrier == barrier);
    });
    if (waits) waiting |= bit;
    if (waits || (of_all && warp.alive() == 0)) with_us |= bit;
    if (waits && (checks_ & kBarriers) != 0 && !aligned_together(barrier, warp, arrived[warp.index()])) return false;
  }
  if (shared_ == nullptr) return true;
  shared_->times().complete(barrier, with_us, waiting);
  for (uint32_t left = waiting; left != 0; left &= left - 1) {
    shared_->synchronised(static_cast<uint32_t>(__builtin_ctz(left)));
  }
  return true;
}

// An aligned barrier wants all living lanes of the warp at the same instruction.
bool BlockChecker::aligned_together(uint32_t barrier, Warp& warp, uint32_t arrived) {
  const exec::Group *first = nullptr, *other = nullptr;
  warp.for_each_group([&](const exec::Group& group) {
    if (group.state != exec::Group::State::kBarrier || group.barrier != barrier) return;
    if (first == nullptr) first = &group;
    else if (group.pc != first->pc) other = &group;
  });
  const Instr& in = first->pc[-1];
  if ((in.flags & exec::kAlignedBarrier) == 0) return true;
  std::ostringstream out;
  const uint32_t missing = warp.alive() & ~arrived;
  if (other != nullptr) {
    out << "divergent barrier: " << block_.thread_name(warp.index(), __builtin_ctz(other->mask))
        << " of the same warp waits for barrier " << barrier << " at " << block_.where(other->pc[-1]);
  } else if (missing != 0) {
    out << "divergent barrier: " << __builtin_popcount(missing) << " lanes of the warp, such as "
        << block_.thread_name(warp.index(), __builtin_ctz(missing)) << ", do not take part in barrier " << barrier;
    warp.for_each_group([&](const exec::Group& group) {
      if ((group.mask & missing & -missing) != 0) out << "; it is at " << block_.where(*group.pc);
    });
  } else {
    return true;
  }
  block_.fault(warp, in, __builtin_ctz(first->mask), exec::Status::kLaunchFailed, out.str());
  return false;
}

}  // namespace talweg::check
