// Bounds and alignment. The common cases (a row of neighbours, one address for all) cost a few vector compares.
#include "memory_access.hpp"

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "../check/block_checker.hpp"
#include "../count/block_counts.hpp"
#include "cluster.hpp"

namespace talweg::exec {
namespace {

const char* verb(Access access) {
  return access == Access::kRead ? "read" : access == Access::kWrite ? "write" : "atomic access";
}

std::string hex(uint64_t value) {
  char buffer[24];
  std::snprintf(buffer, sizeof buffer, "0x%llx", static_cast<unsigned long long>(value));
  return buffer;
}

void report(Warp& warp, const Instr& in, int lane, uint64_t address, uint32_t bytes, Access access, Status status,
            const std::string& space, const std::string& why) {
  std::ostringstream what;
  what << verb(access) << " of " << bytes << " bytes at " << space << hex(address) << ": " << why;
  warp.block->fault(warp, in, lane, status, what.str());
}

void misaligned(Warp& warp, const Instr& in, int lane, uint64_t address, uint32_t bytes, Access access,
                const std::string& space) {
  report(warp, in, lane, address, bytes, access, Status::kMisalignedAddress, space,
         "not a multiple of " + std::to_string(bytes));
}

// Whether [address, address + bytes) lies in one allocation.
bool inside(Block& block, const Instr& in, uint64_t address, uint64_t bytes) {
  const Remembered& last = block.remembered(in.jump);
  if (address - last.base < last.end - last.base && bytes <= last.end - address) return true;
  if (!block.launch().check_bounds) return true;
  const Remembered* remembered = remember(block, in, address);
  return remembered != nullptr && bytes <= remembered->end - address;
}

struct Extent {
  uint64_t low, high;  // smallest and largest address
  uint64_t bits;       // of all addresses, or-ed: for alignment
};

template <class A>
Extent extent_of(const A* address, uint32_t active) {
  using Signed = std::make_signed_t<A>;
  const A first = address[__builtin_ctz(active)];
  Signed low = static_cast<Signed>(first), high = low;
  A bits = first;
  for (int i = 0; i < kLanes; i++) {
    const A lane = (active >> i & 1) != 0 ? address[i] : first;
    low = std::min(low, static_cast<Signed>(lane));
    high = std::max(high, static_cast<Signed>(lane));
    bits |= lane;
  }
  return {static_cast<A>(low), static_cast<A>(high), bits};
}

template <class A>
bool is_row(const A* address, uint32_t bytes) {
  A difference = 0;
  const A base = address[0];
  for (int i = 0; i < kLanes; i++) difference |= (address[i] - base) ^ static_cast<A>(static_cast<uint32_t>(i) * bytes);
  return difference == 0;
}

// Lanes one by one: `resolve` gives a host address or null after a report.
template <class Resolve>
void locate_each(uint32_t active, Located& located, Resolve resolve) {
  located.shape = Shape::kSpread;
  for (uint32_t left = active; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    located.host[lane] = resolve(lane);
    if (located.host[lane] == nullptr) {
      located.shape = Shape::kFault;
      return;
    }
  }
}

std::byte* resolve_global(Warp& warp, const Instr& in, int lane, uint64_t address, uint32_t bytes, Access access) {
  if (address % bytes != 0) {
    misaligned(warp, in, lane, address, bytes, access, "");
    return nullptr;
  }
  if (!inside(*warp.block, in, address, bytes)) {
    report(warp, in, lane, address, bytes, access, Status::kIllegalAddress, "",
           warp.block->launch().memory.describe(address, bytes));
    return nullptr;
  }
  return reinterpret_cast<std::byte*>(address);
}

std::byte* resolve_window(Warp& warp, const Instr& in, int lane, uint64_t offset, uint32_t bytes, Access access,
                          std::byte* base, uint64_t size, const char* space, const char* owner) {
  if (offset % bytes != 0) {
    misaligned(warp, in, lane, offset, bytes, access, space);
    return nullptr;
  }
  if (offset > size || bytes > size - offset) {
    report(warp, in, lane, offset, bytes, access, Status::kIllegalAddress, space,
           std::string("the ") + owner + " has " + std::to_string(size) + " bytes of it");
    return nullptr;
  }
  return base + offset;
}

std::byte* resolve_cluster(Warp& warp, const Instr& in, int lane, uint64_t address, uint32_t bytes, Access access) {
  const char* space = "shared memory of the cluster, address ";
  Block* owner = block_of(*warp.block, address);
  if (owner == nullptr) {
    report(warp, in, lane, address, bytes, access, Status::kIllegalAddress, space,
           "the cluster has " + std::to_string(warp.block->cluster().size()) + " blocks");
    return nullptr;
  }
  if (owner != warp.block && owner->ended()) {
    report(warp, in, lane, address, bytes, access, Status::kIllegalAddress, space,
           "all threads of " + owner->name(owner->index()) + ", which owns it, have ended: its shared memory is gone");
    return nullptr;
  }
  return resolve_window(warp, in, lane, address & kSharedOffsetMask, bytes, access, owner->shared(),
                        owner->shared_bytes(), owner == warp.block ? "shared memory address " : space, "block");
}

std::byte* resolve_shared(Warp& warp, const Instr& in, int lane, uint64_t offset, uint32_t bytes, Access access) {
  const uint64_t rank = offset >> kRankAt;
  if (rank != 0 && rank <= warp.block->cluster().size()) {
    if (rank != warp.block->rank() + 1) {
      report(warp, in, lane, offset, bytes, access, Status::kIllegalAddress, "shared memory address ",
             "it lies in another block of the cluster, which is .shared::cluster and not .shared");
      return nullptr;
    }
    offset &= kSharedOffsetMask;
  }
  return resolve_window(warp, in, lane, offset, bytes, access, warp.block->shared(), warp.block->shared_bytes(),
                        "shared memory address ", "block");
}

std::byte* resolve_local(Warp& warp, const Instr& in, int lane, uint64_t offset, uint32_t bytes, Access access) {
  return resolve_window(warp, in, lane, offset, bytes, access, warp.local_memory(lane),
                        warp.block->launch().function.stack_bytes, "local memory address ", "thread");
}

std::byte* resolve_parameter(Warp& warp, const Instr& in, int lane, uint64_t offset, uint32_t bytes, Access access) {
  std::byte* base = reinterpret_cast<std::byte*>(const_cast<uint8_t*>(warp.block->parameters()));
  return resolve_window(warp, in, lane, offset, bytes, access, base,
                        warp.block->launch().request.kernel->parameter_bytes, "parameter address ", "kernel");
}

std::byte* resolve_generic(Warp& warp, const Instr& in, int lane, uint64_t address, uint32_t bytes, Access access) {
  const uint64_t offset = address & ~kWindowMask;
  switch (address & kWindowMask) {
    case kSharedWindow: return resolve_cluster(warp, in, lane, offset, bytes, access);
    case kLocalWindow: return resolve_local(warp, in, lane, offset, bytes, access);
    case kParamWindow: return resolve_parameter(warp, in, lane, offset, bytes, access);
    default: return resolve_global(warp, in, lane, address, bytes, access);
  }
}

void find_global(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes, Access access, Located& located) {
  const uint64_t* address = slot<uint64_t>(warp, in.a);
  if (active == kAllLanes && is_row(address, bytes)) {
    const uint64_t base = address[0] + in.imm;
    if (base % bytes == 0 && inside(*warp.block, in, base, kLanes * bytes)) {
      located.shape = Shape::kContiguous;
      located.host[0] = reinterpret_cast<std::byte*>(base);
      return;
    }
  }
  const Extent extent = extent_of(address, active);
  const uint64_t low = extent.low + in.imm;
  if (((extent.bits | in.imm) & (bytes - 1)) == 0 && inside(*warp.block, in, low, extent.high - extent.low + bytes)) {
    if (extent.low == extent.high) {
      located.shape = Shape::kUniform;
      located.host[0] = reinterpret_cast<std::byte*>(low);
      return;
    }
    located.shape = Shape::kSpread;
    for (int i = 0; i < kLanes; i++) located.host[i] = reinterpret_cast<std::byte*>(address[i] + in.imm);
    return;
  }
  locate_each(active, located, [&](int lane) {
    return resolve_global(warp, in, lane, address[lane] + in.imm, bytes, access);
  });
}

void find_shared(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes, Access access, Located& located) {
  const uint32_t* address = slot<uint32_t>(warp, in.a);
  const uint32_t offset = static_cast<uint32_t>(in.imm);
  std::byte* shared = warp.block->shared();
  const Extent extent = extent_of(address, active);
  const uint32_t low = static_cast<uint32_t>(extent.low) + offset;
  const uint32_t width = static_cast<uint32_t>(extent.high - extent.low);
  const uint64_t end = uint64_t{low} + width + bytes;
  if (((extent.bits | offset) & (bytes - 1)) == 0 && end <= warp.block->shared_bytes()) {
    if (width == 0) {
      located.shape = Shape::kUniform;
      located.host[0] = shared + low;
    } else if (active == kAllLanes && width == (kLanes - 1) * bytes && is_row(address, bytes)) {
      located.shape = Shape::kContiguous;
      located.host[0] = shared + low;
    } else {
      located.shape = Shape::kSpread;
      for (int i = 0; i < kLanes; i++) located.host[i] = shared + static_cast<uint32_t>(address[i] + offset);
    }
    return;
  }
  locate_each(active, located, [&](int lane) {
    return resolve_shared(warp, in, lane, static_cast<uint32_t>(address[lane] + offset), bytes, access);
  });
}

// The region of what was found; kOther where lanes may differ.
Region find(Warp& warp, const Instr& in, AddressKind kind, uint32_t active, uint32_t bytes, Access access,
            Located& located) {
  const uint64_t* wide = slot<uint64_t>(warp, in.a);
  const uint32_t* narrow = slot<uint32_t>(warp, in.a);
  switch (kind) {
    case AddressKind::kGlobal:
      find_global(warp, in, active, bytes, access, located);
      return Region::kGlobal;
    case AddressKind::kShared32:
      find_shared(warp, in, active, bytes, access, located);
      return Region::kShared;
    case AddressKind::kGeneric: {
      const Extent extent = extent_of(wide, active);
      if (((extent.low + in.imm) & kWindowMask) == 0 && ((extent.high + in.imm) & kWindowMask) == 0) {
        find_global(warp, in, active, bytes, access, located);
        return Region::kGlobal;
      }
      locate_each(active, located,
                  [&](int lane) { return resolve_generic(warp, in, lane, wide[lane] + in.imm, bytes, access); });
      break;
    }
    case AddressKind::kShared64:
      locate_each(active, located, [&](int lane) {
        return resolve_shared(warp, in, lane, (wide[lane] + in.imm) & ~kWindowMask, bytes, access);
      });
      break;
    case AddressKind::kCluster32:
      locate_each(active, located, [&](int lane) {
        return resolve_cluster(warp, in, lane, static_cast<uint32_t>(narrow[lane] + in.imm), bytes, access);
      });
      break;
    case AddressKind::kCluster64:
      locate_each(active, located, [&](int lane) {
        return resolve_cluster(warp, in, lane, (wide[lane] + in.imm) & ~kWindowMask, bytes, access);
      });
      break;
    case AddressKind::kLocal32:
      locate_each(active, located, [&](int lane) {
        return resolve_local(warp, in, lane, static_cast<uint32_t>(narrow[lane] + in.imm), bytes, access);
      });
      break;
    case AddressKind::kLocal64:
      locate_each(active, located,
                  [&](int lane) { return resolve_local(warp, in, lane, wide[lane] + in.imm, bytes, access); });
      break;
    case AddressKind::kFrame:
      locate_each(active, located, [&](int lane) {
        return resolve_local(warp, in, lane, warp.local_base(lane) + in.imm, bytes, access);
      });
      break;
    case AddressKind::kParameter:
      locate_each(active, located,
                  [&](int lane) { return resolve_parameter(warp, in, lane, wide[lane] + in.imm, bytes, access); });
      break;
  }
  return Region::kOther;
}

void watch(Warp& warp, const Instr& in, Region region, uint32_t active, uint32_t bytes, Access access,
           Located& located) {
  if (located.shape == Shape::kFault) return;
  check::BlockChecker* checker = warp.block->checker();
  if (checker != nullptr && !checker->access(warp, in, region, active, bytes, access, located)) {
    located.shape = Shape::kFault;
  } else if (count::BlockCounts* counts = warp.block->counts()) {
    counts->access(in, region, active, bytes, access, located);
  }
}

}  // namespace

void locate_global(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes, Access access, Located& located) {
  find_global(warp, in, active, bytes, access, located);
  if (warp.watched) watch(warp, in, Region::kGlobal, active, bytes, access, located);
}

void locate_shared(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes, Access access, Located& located) {
  find_shared(warp, in, active, bytes, access, located);
  if (warp.watched) watch(warp, in, Region::kShared, active, bytes, access, located);
}

void locate(Warp& warp, const Instr& in, AddressKind kind, uint32_t active, uint32_t bytes, Access access,
            Located& located) {
  const Region region = find(warp, in, kind, active, bytes, access, located);
  if (warp.watched) watch(warp, in, region, active, bytes, access, located);
}

bool locate_elements(Warp& warp, const Instr& in, uint32_t active, uint32_t bytes, Access access, Located& located) {
  located.shape = Shape::kSpread;
  for (uint32_t left = active; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const uint64_t address = reinterpret_cast<uint64_t>(located.host[lane]);
    const Remembered* remembered = remember(*warp.block, in, address);
    if (remembered != nullptr && bytes <= remembered->end - address) continue;
    report(warp, in, lane, address, bytes, access, Status::kIllegalAddress, "",
           warp.block->launch().memory.describe(address, bytes));
    return false;
  }
  if (warp.suspected && access == Access::kRead) listen(warp, active, located);
  if (warp.watched) watch(warp, in, Region::kGlobal, active, bytes, access, located);
  return located.shape != Shape::kFault;
}

void listen(Warp& warp, uint32_t active, const Located& located) {
  Block& block = *warp.block;
  const DeviceMemory& memory = block.launch().memory;
  const uint32_t lanes = located.shape == Shape::kSpread ? active : 1;
  for_each_lane(lanes, [&](int i) {
    const std::byte* host = located.host[i];
    const uint64_t in_parameters = static_cast<uint64_t>(host - reinterpret_cast<const std::byte*>(block.parameters()));
    if (block.cluster().owner_of(host) != nullptr || block.is_local(host) ||
        in_parameters < block.launch().request.kernel->parameter_bytes) {
      return;
    }
    const Allocation* allocation = memory.find_own(reinterpret_cast<uint64_t>(host));
    if (allocation == nullptr || allocation->reaches_host() || memory.open_to_others()) block.changed();
  });
}

const Remembered* remember(Block& block, const Instr& in, uint64_t address) {
  Remembered& remembered = block.remembered(in.jump);
  if (address - remembered.base < remembered.end - remembered.base) return &remembered;
  const Allocation* allocation = block.launch().memory.find(address);
  if (allocation == nullptr) return nullptr;
  const bool own = allocation->meetings != nullptr && block.launch().memory.find_own(address) == allocation;
  remembered = {allocation->base, allocation->base + allocation->size, allocation->written,
                own ? allocation->meetings : nullptr, nullptr};
  return &remembered;
}

Block* block_of(Block& block, uint64_t address) {
  const uint64_t rank = address >> kRankAt;
  if (rank == 0) return &block;
  return rank <= block.cluster().size() ? &block.cluster().block(static_cast<uint32_t>(rank - 1)) : nullptr;
}

std::byte* host_address(Warp& warp, int lane, uint64_t address, uint64_t bytes) {
  const uint64_t window = address & kWindowMask;
  uint64_t offset = address & ~kWindowMask;
  if (window == kSharedWindow || window == kLocalWindow) {
    uint64_t size = warp.block->launch().function.stack_bytes;
    std::byte* base = warp.local_memory(lane);
    if (window == kSharedWindow) {
      const Block* owner = block_of(*warp.block, offset);
      if (owner == nullptr) return nullptr;
      offset &= kSharedOffsetMask;
      size = owner->shared_bytes();
      base = owner->shared();
    }
    return offset <= size && bytes <= size - offset ? base + offset : nullptr;
  }
  const Allocation* allocation = warp.block->launch().memory.find(address);
  const bool within = allocation != nullptr && bytes <= allocation->base + allocation->size - address;
  return within ? reinterpret_cast<std::byte*>(address) : nullptr;
}

}  // namespace talweg::exec
