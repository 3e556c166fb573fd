// cp.async and mbarrier (PTX ISA, "Asynchronous Copy" and "mbarrier").
#include "../check/block_checker.hpp"
#include "block.hpp"
#include "lanes.hpp"
#include "memory_ops.hpp"
#include "types.hpp"

namespace talweg::exec {
namespace {

std::byte* host_of(const Located& located, int lane, uint32_t bytes) {
  return located.shape == Shape::kSpread       ? located.host[lane]
         : located.shape == Shape::kContiguous ? located.host[0] + static_cast<size_t>(lane) * bytes
                                               : located.host[0];
}

// The source of a copy of `size` bytes, flags. b: how many bytes are read, c: a predicate that says none; imm: offset.
// Where the whole is read it is checked as any load is, else lane by lane.
const Instr* check_source(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  const uint32_t* bytes = slot<uint32_t>(warp, in.b);
  const uint32_t ignored = predicate(warp, in.c);
  const uint64_t* address = slot<uint64_t>(warp, in.a);
  uint32_t whole = 0;
  for_each_lane(active & ~ignored, [&](int i) { whole |= bytes[i] == in.flags ? 1u << i : 0u; });
  if (whole != 0) {
    Located located;
    locate(warp, in, in.kind, whole, in.flags, Access::kRead, located);
    if (located.shape == Shape::kFault) return stop();
  }
  const Instr* fault = nullptr;
  for_each_lane(active & ~ignored & ~whole, [&](int i) {
    if (fault != nullptr || bytes[i] == 0) return;
    const uint64_t source = address[i] + in.imm;
    if (bytes[i] > in.flags || source % in.flags != 0) {
      fault = warp.block->fault(warp, in, i, Status::kMisalignedAddress,
                                "cp.async of " + std::to_string(bytes[i]) + " bytes out of " + std::to_string(in.flags) +
                                    " from an address that is no multiple of them, or more bytes than there are");
    } else if (host_address(warp, i, source, bytes[i]) == nullptr) {
      fault = warp.block->fault(warp, in, i, Status::kIllegalAddress,
                                "cp.async reads " + std::to_string(bytes[i]) + " bytes: " +
                                    warp.block->launch().memory.describe(source, bytes[i]));
    }
  });
  return fault != nullptr ? fault : &in + 1;
}

// a: destination, b: source, c: bytes to read, d: a predicate that says none; imm: offset of the destination, jump: see
// locate; the source's offset is in the next instruction, which only carries it.
const Instr* begin_copy(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 2;
  Located located;
  locate(warp, in, in.kind, active, in.flags, Access::kWrite, located);
  if (located.shape == Shape::kFault) return stop();
  const uint64_t* source = slot<uint64_t>(warp, in.b);
  const uint32_t* bytes = slot<uint32_t>(warp, in.c);
  const uint32_t ignored = predicate(warp, in.d);
  const uint64_t offset = (&in + 1)->imm;
  if (warp.suspected) warp.block->changed();
  for_each_lane(active, [&](int i) {
    warp.copies.begin(i, host_of(located, i, in.flags), reinterpret_cast<const std::byte*>(source[i] + offset),
                      (ignored >> i & 1) != 0 ? 0 : bytes[i], in.flags);
    check::BlockChecker* checker = warp.block->checker();
    if (checker != nullptr) checker->copy_begins(warp, in, i, host_of(located, i, in.flags), in.flags);
  });
  return &in + 2;
}

const Instr* nothing(Warp&, const Instr& in) { return &in + 1; }

// cp.async.{ca,cg}.shared.global[.hint] [destination], [source], size[, bytes | ignore predicate][, policy]
void decode_copy(Decoder& d) {
  const int cache = d.take_one_of({".ca", ".cg"});
  if (cache < 0) d.fail("'cp.async' needs .ca or .cg");
  const bool policy = d.take(".L2::cache_hint");
  d.ignore({".L2::64B", ".L2::128B", ".L2::256B"});
  d.expect_operands(3, 5);
  const Operand &to = d.operand(0), &from = d.operand(1);
  if (to.kind != Operand::Kind::kAddress || from.kind != Operand::Kind::kAddress) d.fail("'cp.async' copies from [] to []");
  const bool from_global = d.take(".global");
  const AddressKind kind = take_address_kind(d, to);
  if ((kind != AddressKind::kShared32 && kind != AddressKind::kShared64) || !from_global) {
    d.fail("'cp.async' is .shared.global");
  }
  const uint64_t size = d.immediate(d.operand(2));
  if (cache == 1 ? size != 16 : size != 4 && size != 8 && size != 16) {
    d.fail("'cp.async' copies 4, 8 or 16 bytes, .cg only 16");
  }
  const size_t extra = d.operand_count() - (policy ? 1 : 0);
  Slot bytes = d.constant(Type::kU32, size), ignored = d.constants().word(0);
  if (extra == 4) {
    const Operand& operand = d.operand(3);
    if (d.is_register(operand) && d.register_bytes(operand) == 0) ignored = d.read_predicate(operand);
    else bytes = d.read(operand, Type::kU32);
    if (operand.negated) d.fail("'cp.async' takes its predicate as it is");
  } else if (extra != 3) {
    d.fail("'cp.async' has too many operands");
  }
  uint64_t to_offset = 0, from_offset = 0;
  const Slot source = address_slot(d, from, AddressKind::kGlobal, from_offset);
  const Slot destination = address_slot(d, to, kind, to_offset);
  Instr& check = d.emit(&check_source, 0, source, bytes, ignored);
  check.kind = AddressKind::kGlobal;
  check.flags = static_cast<uint8_t>(size);
  check.imm = from_offset;
  check.jump = d.remember_allocation();
  Instr& copy = d.emit(&begin_copy, 0, destination, source, bytes, ignored);
  copy.kind = kind;
  copy.flags = static_cast<uint8_t>(size);
  copy.imm = to_offset;
  copy.jump = d.remember_allocation();
  d.emit(&nothing).imm = from_offset;
}

const Instr* commit_group(Warp& warp, const Instr& in) {
  warp.copies.commit(active_lanes(warp, in));
  return &in + 1;
}
const Instr* wait_group(Warp& warp, const Instr& in) {
  warp.copies.wait_group(active_lanes(warp, in), static_cast<uint32_t>(in.imm));
  return &in + 1;
}
const Instr* wait_all(Warp& warp, const Instr& in) {
  warp.copies.wait_all(active_lanes(warp, in));
  return &in + 1;
}

// An mbarrier object: what the current phase still waits for, what the next one will wait for, and the phase.
// Opaque to programs, but for the state that arrive gives and test_wait takes back.
struct Barrier {
  uint32_t pending : 20, phase : 12;
  uint32_t expected : 20, unused : 12;
};
static_assert(sizeof(Barrier) == 8);

template <class Change>
uint64_t update(std::byte* host, Change change) {
  uint64_t* word = reinterpret_cast<uint64_t*>(host);
  uint64_t old = __atomic_load_n(word, __ATOMIC_SEQ_CST);
  for (;;) {
    Barrier barrier = bit_cast<Barrier>(old);
    change(barrier);
    if (__atomic_compare_exchange_n(word, &old, bit_cast<uint64_t>(barrier), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
      return old;
    }
  }
}

void arrive(Barrier& barrier, uint32_t count) {
  barrier.pending = barrier.pending - count;
  if (barrier.pending != 0) return;
  barrier.phase = barrier.phase + 1;
  barrier.pending = barrier.expected;
}

enum class On { kInit, kInvalidate, kArrive, kArriveDrop, kTestState, kTestParity, kCopiesArrive, kCopiesArriveCounted };

// a: the object; b: count, state or parity; dst: state or predicate.
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
  for_each_lane(active, [&](int i) {
    std::byte* host = host_of(located, i, 8);
    uint64_t* word = reinterpret_cast<uint64_t*>(host);
    if (kOperation == On::kCopiesArrive || kOperation == On::kCopiesArriveCounted) warp.copies.wait_all(1u << i);
    if (!kTests && warp.block->checker() != nullptr) {
      warp.block->checker()->mbarrier_arrives(warp, host);
    }
    switch (kOperation) {
      case On::kInit: {
        Barrier barrier{};
        barrier.pending = barrier.expected = b[i];
        __atomic_store_n(word, bit_cast<uint64_t>(barrier), __ATOMIC_SEQ_CST);
        break;
      }
      case On::kInvalidate: __atomic_store_n(word, ~uint64_t{0}, __ATOMIC_SEQ_CST); break;
      case On::kArrive: d[i] = update(host, [&](Barrier& barrier) { arrive(barrier, b[i]); }); break;
      case On::kArriveDrop:
        d[i] = update(host, [&](Barrier& barrier) {
          barrier.expected = barrier.expected - b[i];
          arrive(barrier, b[i]);
        });
        break;
      case On::kCopiesArrive:  // adds an arrival to the phase, and arrives when the copies are done: now
      case On::kCopiesArriveCounted:
        if (kOperation == On::kCopiesArriveCounted) update(host, [](Barrier& barrier) { arrive(barrier, 1); });
        break;
      case On::kTestState: {
        const Barrier now = bit_cast<Barrier>(__atomic_load_n(word, __ATOMIC_SEQ_CST));
        done |= now.phase != bit_cast<Barrier>(state[i]).phase ? 1u << i : 0u;
        break;
      }
      case On::kTestParity: {
        const Barrier now = bit_cast<Barrier>(__atomic_load_n(word, __ATOMIC_SEQ_CST));
        done |= (now.phase & 1) != (b[i] & 1) ? 1u << i : 0u;
        break;
      }
    }
  });
  check::BlockChecker* checker = warp.block->checker();
  if (checker != nullptr) {
    for_each_lane(active, [&](int i) {
      if ((done >> i & 1) != 0) checker->mbarrier_waited(warp, host_of(located, i, 8));
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
  const AddressKind kind = take_address_kind(d, address);
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
  for_each_lane(active_lanes(warp, in), [&](int i) { d[i] = bit_cast<Barrier>(a[i]).pending; });
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
  const int operation = d.take_one_of({".init", ".inval", ".arrive", ".arrive_drop", ".test_wait", ".try_wait"});
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
    default: d.fail("'mbarrier' lacks an operation, or one that this device knows");
  }
}

// cp.async.*
void decode_cp(Decoder& d) {
  if (!d.take(".async")) d.fail("'cp' is known as cp.async only");
  if (d.take(".commit_group")) {
    d.expect_operands(0);
    d.emit(&commit_group);
  } else if (d.take(".wait_group")) {
    d.expect_operands(1);
    d.emit(&wait_group).imm = d.immediate(d.operand(0));
  } else if (d.take(".wait_all")) {
    d.expect_operands(0);
    d.emit(&wait_all);
  } else if (d.take(".mbarrier")) {
    if (!d.take(".arrive")) d.fail("'cp.async.mbarrier' needs .arrive");
    const bool counted = d.take(".noinc");
    d.take(".b64");
    d.expect_operands(1);
    emit_on_barrier(d, counted ? &on_barrier<On::kCopiesArriveCounted> : &on_barrier<On::kCopiesArrive>, 0, 0,
                    d.constant(Type::kU32, 1));
  } else {
    decode_copy(d);
  }
}

}  // namespace

const OpcodeTable kAsyncOpcodes = {{"cp", decode_cp}, {"mbarrier", decode_mbarrier}};

}  // namespace talweg::exec
