// mbarrier (PTX ISA, "Parallel Synchronization and Communication Instructions: mbarrier").
#include "mbarrier.hpp"

#include "../check/block_checker.hpp"
#include "cluster.hpp"
#include "memory_ops.hpp"

namespace talweg::exec {
namespace {

enum class On {
  kInit, kInvalidate, kArrive, kArriveDrop, kArriveExpect, kArriveDropExpect, kExpect, kComplete, kTestState, kTestParity,
  kCopiesArrive, kCopiesArriveCounted,
};

// a: the object; b: count of arrivals or bytes, state or parity; dst: state or predicate.
template <On kOperation>
const Instr* on_barrier(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  Located located;
  locate(warp, in, in.kind, active, 8, kOperation == On::kInit ? Access::kWrite : Access::kAtomic, located);
  if (located.shape == Shape::kFault) return stop();
  const uint32_t* b = slot<uint32_t>(warp, in.b);
  const uint64_t* state = slot<uint64_t>(warp, in.b);
  uint64_t* d = slot<uint64_t>(warp, in.dst);
  uint32_t done = 0;
  constexpr bool kTests = kOperation == On::kTestState || kOperation == On::kTestParity;
  if (warp.suspected && !kTests) warp.block->changed();
  int overflown = -1;
  for_each_lane(active, [&](int i) {
    std::byte* host = located.of(i, 8);
    uint64_t* word = reinterpret_cast<uint64_t*>(host);
    if (kOperation == On::kCopiesArrive || kOperation == On::kCopiesArriveCounted) warp.copies.wait_all(1u << i);
    const auto expect = [&](Mbarrier& barrier, int64_t bytes) {
      if (!barrier.expect(bytes)) overflown = i;
    };
    if (kTests && warp.block->cluster().copies().land_at(host) && warp.suspected) warp.block->changed();
    if (!kTests && warp.block->checker() != nullptr) {
      warp.block->checker()->object_arrives(warp, host);
    }
    switch (kOperation) {
      case On::kInit: {
        Mbarrier barrier{};
        barrier.pending = barrier.expected = b[i];
        __atomic_store_n(word, bit_cast<uint64_t>(barrier), __ATOMIC_SEQ_CST);
        break;
      }
      case On::kInvalidate: __atomic_store_n(word, ~uint64_t{0}, __ATOMIC_SEQ_CST); break;
      case On::kArrive: d[i] = update(host, [&](Mbarrier& barrier) { barrier.arrive(b[i]); }); break;
      case On::kArriveDrop:
        d[i] = update(host, [&](Mbarrier& barrier) {
          barrier.expected = barrier.expected - b[i];
          barrier.arrive(b[i]);
        });
        break;
      case On::kArriveExpect:
      case On::kArriveDropExpect:
        d[i] = update(host, [&](Mbarrier& barrier) {
          expect(barrier, b[i]);
          if (kOperation == On::kArriveDropExpect) barrier.expected = barrier.expected - 1;
          barrier.arrive(1);
        });
        break;
      case On::kExpect: update(host, [&](Mbarrier& barrier) { expect(barrier, b[i]); }); break;
      case On::kComplete: update(host, [&](Mbarrier& barrier) { expect(barrier, -int64_t{b[i]}); }); break;
      case On::kCopiesArrive:  // adds an arrival to the phase, and arrives when the copies are done: now
      case On::kCopiesArriveCounted:
        if (kOperation == On::kCopiesArriveCounted) update(host, [](Mbarrier& barrier) { barrier.arrive(1); });
        break;
      case On::kTestState: {
        const Mbarrier now = bit_cast<Mbarrier>(__atomic_load_n(word, __ATOMIC_SEQ_CST));
        done |= now.phase != bit_cast<Mbarrier>(state[i]).phase ? 1u << i : 0u;
        break;
      }
      case On::kTestParity: {
        const Mbarrier now = bit_cast<Mbarrier>(__atomic_load_n(word, __ATOMIC_SEQ_CST));
        done |= (now.phase & 1) != (b[i] & 1) ? 1u << i : 0u;
        break;
      }
    }
  });
  if (overflown >= 0) {
    return warp.block->fault(warp, in, overflown, Status::kLaunchFailed,
                             "an mbarrier counts at most " + std::to_string(Mbarrier::kMostBytes) + " bytes on their way");
  }
  check::BlockChecker* checker = warp.block->checker();
  if (checker != nullptr) {
    for_each_lane(active, [&](int i) {
      if ((done >> i & 1) != 0) checker->object_waited(warp, located.of(i, 8));
    });
  }
  if (kTests) {
    write_predicate(warp, in.dst, active, done);
    warp.likely_spin();
  }
  return &in + 1;
}

void emit_on_barrier(Decoder& d, Handler handler, size_t address_operand, Slot dst, Slot b) {
  const Operand& address = d.operand(address_operand);
  if (address.kind != Operand::Kind::kAddress) d.fail("'mbarrier' needs an address in brackets");
  AddressKind kind = take_address_kind(d, address);
  const Operand& of = address.parts.at(0);
  const bool narrow = of.kind == Operand::Kind::kRegister && d.register_bytes(of) == 4;
  if (kind == AddressKind::kGeneric && narrow) kind = AddressKind::kShared32;  // as ptxas takes it
  uint64_t offset = 0;
  const Slot base = address_slot(d, address, kind, offset);
  Instr& instr = d.emit(handler, dst, base, b);
  instr.kind = kind;
  instr.imm = offset;
  instr.jump = d.remember_allocation();
}

const Instr* pending_count(Warp& warp, const Instr& in) {
  const uint64_t* a = slot<uint64_t>(warp, in.a);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) { d[i] = static_cast<uint32_t>(bit_cast<Mbarrier>(a[i]).pending); });
  return &in + 1;
}

void decode_mbarrier(Decoder& d) {
  d.take_one_of({".release", ".acquire", ".relaxed"});
  if (d.take(".pending_count")) {
    d.take(".b64");
    d.expect_operands(2);
    d.emit(&pending_count, d.write(0, Type::kB32), d.read(1, Type::kB64));
    return;
  }
  const int operation =
      d.take_one_of({".init", ".inval", ".arrive", ".arrive_drop", ".test_wait", ".try_wait", ".complete_tx"});
  const bool expects = d.take(".expect_tx");
  const bool no_complete = d.take(".noComplete");
  d.take_one_of({".cta", ".cluster"});
  const bool parity = d.take(".parity");
  d.take(".b64");
  const Slot one = d.constant(Type::kU32, 1);
  switch (operation) {
    case 0:
      d.expect_operands(2);
      return emit_on_barrier(d, &on_barrier<On::kInit>, 0, 0, d.read(1, Type::kU32));
    case 1:
      d.expect_operands(1);
      return emit_on_barrier(d, &on_barrier<On::kInvalidate>, 0, 0, one);
    case 2:
    case 3:
      if (expects) {
        d.expect_operands(3);
        return emit_on_barrier(d, operation == 2 ? &on_barrier<On::kArriveExpect> : &on_barrier<On::kArriveDropExpect>, 1,
                               d.write(0, Type::kB64), d.read(2, Type::kU32));
      }
      d.expect_operands(2, 3);
      if (no_complete && d.operand_count() != 3) d.fail("'mbarrier.arrive.noComplete' needs a count");
      return emit_on_barrier(d, operation == 2 ? &on_barrier<On::kArrive> : &on_barrier<On::kArriveDrop>, 1,
                             d.write(0, Type::kB64), d.operand_count() == 3 ? d.read(2, Type::kU32) : one);
    case 4:
    case 5:
      d.expect_operands(3, operation == 5 ? 4 : 3);  // the fourth is a time limit
      if (parity) {
        return emit_on_barrier(d, &on_barrier<On::kTestParity>, 1, d.write(0, Type::kPred), d.read(2, Type::kU32));
      }
      return emit_on_barrier(d, &on_barrier<On::kTestState>, 1, d.write(0, Type::kPred), d.read(2, Type::kB64));
    case 6:
      d.expect_operands(2);
      return emit_on_barrier(d, &on_barrier<On::kComplete>, 0, 0, d.read(1, Type::kU32));
    case -1:
      if (!expects) d.fail("'mbarrier' lacks an operation, or one that this device knows");
      d.expect_operands(2);
      return emit_on_barrier(d, &on_barrier<On::kExpect>, 0, 0, d.read(1, Type::kU32));
    default: d.fail("'mbarrier' lacks an operation, or one that this device knows");
  }
}

}  // namespace

void decode_copies_arrive(Decoder& d) {
  if (!d.take(".arrive")) d.fail("'cp.async.mbarrier' needs .arrive");
  const bool counted = d.take(".noinc");
  d.take(".b64");
  d.expect_operands(1);
  emit_on_barrier(d, counted ? &on_barrier<On::kCopiesArriveCounted> : &on_barrier<On::kCopiesArrive>, 0, 0,
                  d.constant(Type::kU32, 1));
}

const OpcodeTable kMbarrierOpcodes = {{"mbarrier", decode_mbarrier}};

}  // namespace talweg::exec
