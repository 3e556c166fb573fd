// cp.async (PTX ISA, "Asynchronous Copy").
#include "../check/block_checker.hpp"
#include "block.hpp"
#include "bulk_ops.hpp"
#include "lanes.hpp"
#include "mbarrier.hpp"
#include "memory_ops.hpp"
#include "types.hpp"

namespace talweg::exec {
namespace {

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
    warp.copies.begin(i, located.of(i, in.flags), reinterpret_cast<const std::byte*>(source[i] + offset),
                      (ignored >> i & 1) != 0 ? 0 : bytes[i], in.flags);
    check::BlockChecker* checker = warp.block->checker();
    if (checker != nullptr) checker->copy_begins(warp, in, i, located.of(i, in.flags), in.flags);
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

// cp.async.*
void decode_cp(Decoder& d) {
  const bool reduces = d.take(".reduce");
  if (!d.take(".async")) d.fail("'cp' is known as cp.async and cp.reduce.async only");
  if (d.take(".bulk")) return decode_bulk(d, reduces);
  if (reduces) d.fail("'cp.reduce.async' needs .bulk");
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
    decode_copies_arrive(d);
  } else {
    decode_copy(d);
  }
}

}  // namespace

const OpcodeTable kAsyncOpcodes = {{"cp", decode_cp}};

}  // namespace talweg::exec
