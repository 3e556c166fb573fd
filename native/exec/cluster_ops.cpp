// Clusters of blocks: their barrier, and addresses in each other's shared memory (PTX ISA, "barrier.cluster", "mapa",
// "getctarank").
#include "cluster_ops.hpp"

#include <atomic>

#include "../check/block_checker.hpp"
#include "cluster.hpp"
#include "lanes.hpp"
#include "memory_access.hpp"

namespace talweg::exec {
namespace {

constexpr uint8_t kOrdersMemory = 1;

const Instr* arrive(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  Block& block = *warp.block;
  if ((in.flags & kOrdersMemory) != 0 && block.checker() != nullptr) {
    block.checker()->object_arrives(warp, block.cluster().phase());
  }
  return block.cluster().arrive(warp, in, active);
}

const Instr* wait(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  Block& block = *warp.block;
  const Instr* next = block.cluster().wait(warp, in, active);
  if (next == &in + 1 && block.checker() != nullptr) {
    block.checker()->object_waited(warp, block.cluster().last_phase());
  }
  return next;
}

// b: ranks; imm: what a shared address of the source space lacks of a generic one.
template <class W>
const Instr* map_address(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  const W* a = slot<W>(warp, in.a);
  const uint32_t* rank = slot<uint32_t>(warp, in.b);
  W* d = slot<W>(warp, in.dst);
  const uint32_t size = warp.block->cluster().size();
  const Instr* fault = nullptr;
  for_each_lane(active, [&](int i) {
    const uint64_t address = static_cast<uint64_t>(a[i]) + in.imm;
    if (fault != nullptr) return;
    if ((address & kWindowMask) != kSharedWindow) {
      fault = warp.block->fault(warp, in, i, Status::kIllegalAddress, "mapa of an address that is not of shared memory");
    } else if (rank[i] >= size) {
      fault = warp.block->fault(warp, in, i, Status::kIllegalAddress,
                                "mapa to block " + std::to_string(rank[i]) + " of a cluster of " + std::to_string(size));
    } else {
      const uint64_t offset = static_cast<uint64_t>(a[i]) & kSharedOffsetMask;
      d[i] = static_cast<W>((in.imm == 0 ? kSharedWindow : 0) | uint64_t{rank[i] + 1} << kRankAt | offset);
    }
  });
  return fault != nullptr ? fault : &in + 1;
}

template <class W>
const Instr* rank_of_address(Warp& warp, const Instr& in) {
  const W* a = slot<W>(warp, in.a);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  const Instr* fault = nullptr;
  for_each_lane(active_lanes(warp, in), [&](int i) {
    const uint64_t address = static_cast<uint64_t>(a[i]) + in.imm;
    const Block* owner =
        (address & kWindowMask) == kSharedWindow ? block_of(*warp.block, address & ~kWindowMask) : nullptr;
    if (owner != nullptr) d[i] = owner->rank();
    else if (fault == nullptr) {
      fault = warp.block->fault(warp, in, i, Status::kIllegalAddress,
                                "getctarank of an address that is not of the cluster's shared memory");
    }
  });
  return fault != nullptr ? fault : &in + 1;
}

// .shared::cluster addresses, of 32 or 64 bits; without it generic ones.
bool take_shared_space(Decoder& d) { return d.take(".shared::cluster"); }

Type take_address_type(Decoder& d, bool shared) {
  const Type type = d.take_type();
  if (type != Type::kU32 && type != Type::kU64) d.fail("'" + std::string(d.opcode()) + "' is of .u32 or .u64");
  if (type == Type::kU32 && !shared) d.fail("a generic address has 64 bits");
  return type;
}

// mapa{.shared::cluster}.type d, a, rank
void decode_mapa(Decoder& d) {
  const bool shared = take_shared_space(d);
  const Type type = take_address_type(d, shared);
  d.expect_operands(3);
  const Slot a = d.read(1, type), rank = d.read(2, Type::kU32);
  d.emit(type == Type::kU32 ? &map_address<uint32_t> : &map_address<uint64_t>, d.write(0, type), a, rank).imm =
      shared ? kSharedWindow : 0;
}

// getctarank{.shared::cluster}.type d, a
void decode_getctarank(Decoder& d) {
  const bool shared = take_shared_space(d);
  const Type type = take_address_type(d, shared);
  d.expect_operands(2);
  const Slot a = d.read(1, type);
  d.emit(type == Type::kU32 ? &rank_of_address<uint32_t> : &rank_of_address<uint64_t>, d.write(0, Type::kU32), a).imm =
      shared ? kSharedWindow : 0;
}

}  // namespace

// barrier.cluster.arrive{.release|.relaxed}{.aligned}, barrier.cluster.wait{.acquire}{.aligned}
void decode_cluster_barrier(Decoder& d) {
  const int form = d.take_one_of({".arrive", ".wait"});
  if (form < 0) d.fail("'barrier.cluster' is .arrive or .wait");
  d.expect_operands(0);
  bool orders = true;
  if (form == 0) orders = d.take_one_of({".release", ".relaxed"}) != 1;
  else d.take(".acquire");
  const bool aligned = d.take(".aligned");
  d.emit(form == 0 ? &arrive : &wait).flags =
      static_cast<uint8_t>((aligned ? kAlignedBarrier : 0) | (orders ? kOrdersMemory : 0));
}

const OpcodeTable kClusterOpcodes = {{"mapa", decode_mapa}, {"getctarank", decode_getctarank}};

}  // namespace talweg::exec
