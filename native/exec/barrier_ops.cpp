// bar, barrier, membar and fence (PTX ISA, "Parallel Synchronization and Communication Instructions").
#include <atomic>

#include "../check/block_checker.hpp"
#include "block.hpp"
#include "cluster_ops.hpp"
#include "decode.hpp"
#include "lanes.hpp"
#include "sync_ops.hpp"

namespace talweg::exec {
namespace {

constexpr uint8_t kNegated = 1;

// a: barrier, b: threads or 0, c: predicate of a reduction (flags: negated); imm: the reduction.
template <bool kWaits>
const Instr* barrier(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  const uint32_t *indices = slot<uint32_t>(warp, in.a), *counts = slot<uint32_t>(warp, in.b);
  const uint32_t holds = predicate(warp, in.c) ^ ((in.flags & kNegated) != 0 ? kAllLanes : 0);
  // Lanes may name barriers of their own.
  struct Arrival {
    uint32_t index, expected, lanes;
  };
  Arrival arrivals[kLanes];
  int count = 0;
  for (uint32_t left = active; left != 0;) {
    const int lane = __builtin_ctz(left);
    const uint32_t index = indices[lane], expected = counts[lane];
    if (index > 15 || expected % 32 != 0) {
      return warp.block->fault(warp, in, lane, Status::kLaunchFailed,
                               "barrier " + std::to_string(index) + " for " + std::to_string(expected) +
                                   " threads: barriers are 0 to 15, and counts are multiples of 32");
    }
    uint32_t same = 0;
    for_each_lane(left, [&](int i) { same |= indices[i] == index && counts[i] == expected ? 1u << i : 0u; });
    arrivals[count++] = {index, expected, same};
    left &= ~same;
  }
  if (kWaits) {
    for (int i = 0; i < count; i++) {
      warp.park(arrivals[i].lanes, &in + 1, warp.depth(), Group::State::kBarrier, static_cast<uint8_t>(arrivals[i].index));
    }
    warp.go_on(&in + 1);
  }
  for (int i = 0; i < count; i++) {
    if (!kWaits && warp.block->checker() != nullptr) {
      warp.block->checker()->barrier_released(arrivals[i].index, warp);
    }
    warp.block->arrive(static_cast<int>(arrivals[i].index), warp, arrivals[i].lanes, arrivals[i].expected, holds);
  }
  return kWaits ? stop() : &in + 1;
}

const Instr* fence(Warp&, const Instr& in) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return &in + 1;
}

void emit_barrier(Decoder& d, bool waits, bool aligned, Slot index, Slot threads) {
  d.emit(waits ? &barrier<true> : &barrier<false>, 0, index, threads, d.constants().all_lanes()).flags =
      aligned ? kAlignedBarrier : 0;
}

void decode_bar(Decoder& d) {
  if (d.take(".warp")) return decode_warp_barrier(d);
  if (d.take(".cluster")) return decode_cluster_barrier(d);
  const bool aligned = d.take(".aligned") || d.opcode() == "bar";
  d.ignore({".cta"});
  const Slot zero = d.constant(Type::kU32, 0);
  if (d.take(".red")) {
    const int fold = d.take_one_of({".popc", ".and", ".or"});
    if (fold < 0) d.fail("'bar.red' needs .popc, .and or .or");
    const Type type = d.take_any_type();
    if (type != (fold == 0 ? Type::kU32 : Type::kPred)) d.fail("'bar.red.popc' gives .u32, .and and .or give .pred");
    d.expect_operands(3, 4);
    const Operand& value = d.operand(d.operand_count() - 1);
    const Slot threads = d.operand_count() == 4 ? d.read(2, Type::kU32) : zero;
    Instr& instr = d.emit(&barrier<true>, d.write(0, type), d.read(1, Type::kU32), threads, d.read_predicate(value));
    instr.flags = (value.negated ? kNegated : 0) | (aligned ? kAlignedBarrier : 0);
    instr.imm = static_cast<uint64_t>(fold == 0 ? Reduction::kCount : fold == 1 ? Reduction::kAll : Reduction::kAny);
    return;
  }
  const int form = d.take_one_of({".sync", ".arrive"});
  if (form < 0) d.fail("'" + std::string(d.opcode()) + "' needs .sync, .arrive, .red or .warp.sync");
  d.expect_operands(1, 2);
  emit_barrier(d, form == 0, aligned, d.read(0, Type::kU32), d.operand_count() == 2 ? d.read(1, Type::kU32) : zero);
}

void decode_membar(Decoder& d) {
  if (d.take_one_of({".cta", ".gl", ".sys", ".gpu"}) < 0) d.fail("'membar' needs a scope");
  d.emit(&fence);
}

void decode_fence(Decoder& d) {
  if (d.take(".proxy")) {  // one proxy alone serves this device
    if (d.take_one_of({".alias", ".async", ".async.global", ".async.shared::cta", ".async.shared::cluster"}) < 0) d.fail("unknown proxy of 'fence'");
    d.ignore({".global", ".shared::cta", ".shared::cluster"});
    d.emit(&fence);
    return;
  }
  if (d.take(".mbarrier_init")) {
    if (!d.take(".release") || !d.take(".cluster")) d.fail("'fence.mbarrier_init' is .release.cluster");
    d.emit(&fence);
    return;
  }
  d.take_one_of({".sc", ".acq_rel", ".acquire", ".release"});
  if (d.take_one_of({".cta", ".cluster", ".gpu", ".sys"}) < 0) d.fail("'fence' needs a scope");
  d.emit(&fence);
}

}  // namespace

const OpcodeTable kBarrierOpcodes = {
    {"bar", decode_bar}, {"barrier", decode_bar}, {"membar", decode_membar}, {"fence", decode_fence},
};

}  // namespace talweg::exec
