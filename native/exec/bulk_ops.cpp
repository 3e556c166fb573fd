// Bulk copies, and stores and reductions that complete at an mbarrier (PTX ISA, "cp.async.bulk", "cp.reduce.async.bulk",
// "st.async", "red.async").
#include "bulk_ops.hpp"

#include <cstring>

#include "../check/block_checker.hpp"
#include "../count/block_counts.hpp"
#include "cluster.hpp"
#include "memory_ops.hpp"

namespace talweg::exec {
namespace {

constexpr uint32_t kPiece = 16;  // sizes and addresses are multiples of it

// Instr::flags of a bulk copy.
constexpr uint8_t kFromShared = 1, kToShared = 2, kMulticast = 4, kElementAt = 3;

struct Range {
  std::byte* host = nullptr;  // null: it was reported
  Block* owner = nullptr;     // of shared memory
};

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

// `what`: what happens to the bytes there.
Range resolve(Warp& warp, const Instr& in, int lane, uint64_t address, uint32_t bytes, uint32_t align, bool shared,
              const std::string& what) {
  const auto fault = [&](Status status, const std::string& why) {
    warp.block->fault(warp, in, lane, status, what + " at " + (shared ? "shared memory address " : "") +
                                                  hex(shared ? address & ~kWindowMask : address) + ": " + why);
    return Range{};
  };
  if (address % align != 0) return fault(Status::kMisalignedAddress, "not a multiple of " + std::to_string(align));
  if (!shared) {
    const bool global = (address & kWindowMask) == 0 && host_address(warp, lane, address, bytes) != nullptr;
    if (global) return {reinterpret_cast<std::byte*>(address), nullptr};
    return fault(Status::kIllegalAddress, warp.block->launch().memory.describe(address, bytes));
  }
  const uint64_t offset = address & kSharedOffsetMask;
  Block* owner = block_of(*warp.block, address & ~kWindowMask);
  if (owner == nullptr) {
    return fault(Status::kIllegalAddress,
                 "the cluster has " + std::to_string(warp.block->cluster().size()) + " blocks");
  }
  if (owner->ended()) {
    return fault(Status::kIllegalAddress, "all threads of " + owner->name(owner->index()) +
                                              ", which owns it, have ended: its shared memory is gone");
  }
  if (offset > owner->shared_bytes() || bytes > owner->shared_bytes() - offset) {
    return fault(Status::kIllegalAddress, "the block has " + std::to_string(owner->shared_bytes()) + " bytes of it");
  }
  return {owner->shared() + offset, owner};
}

// Checks and counts an access of one lane to a whole range. False if it was reported.
bool touch(Warp& warp, const Instr& in, int lane, std::byte* host, uint32_t bytes, uint32_t piece, Access access) {
  if (!warp.watched) return true;
  Located located;
  located.shape = Shape::kUniform;
  check::BlockChecker* checker = warp.block->checker();
  count::BlockCounts* counts = warp.block->counts();
  for (uint32_t at = 0; at < bytes; at += piece) {
    located.host[0] = host + at;
    if (checker != nullptr && !checker->access(warp, in, Region::kOther, 1u << lane, piece, access, located)) return false;
    if (counts != nullptr) counts->access(in, Region::kOther, 1u << lane, piece, access, located);
  }
  return true;
}

// A shared address of a cluster for another block: same place, other rank.
uint64_t in_block(uint64_t address, uint32_t rank) {
  return kSharedWindow | uint64_t{rank + 1} << kRankAt | (address & kSharedOffsetMask);
}

// One copy to one place. Addresses are generic.
bool begin(Warp& warp, const Instr& in, int lane, uint64_t to, uint64_t from, uint32_t bytes, uint64_t mbarrier) {
  const bool from_shared = (in.flags & kFromShared) != 0, to_shared = (in.flags & kToShared) != 0;
  const std::string size = std::to_string(bytes) + " bytes";
  const Range source = resolve(warp, in, lane, from, bytes, kPiece, from_shared, "bulk copy reads " + size);
  if (source.host == nullptr) return false;
  const Range target = resolve(warp, in, lane, to, bytes, kPiece, to_shared, "bulk copy writes " + size);
  if (target.host == nullptr) return false;
  BulkCopy copy;
  if (to_shared) {
    const Range object = resolve(warp, in, lane, mbarrier, 8, 8, true, "mbarrier of a bulk copy");
    if (object.host == nullptr) return false;
    if (object.owner != target.owner) {
      warp.block->fault(warp, in, lane, Status::kIllegalAddress,
                        "the mbarrier of a bulk copy lies in the shared memory of another block than the copy");
      return false;
    }
    copy.mbarrier = object.host;
  }
  copy.reduce = reinterpret_cast<Reducer>(in.imm);
  const Access access = copy.reduce != nullptr ? Access::kAtomic : Access::kWrite;
  copy.element = 1u << (in.flags >> kElementAt);
  const uint32_t piece = copy.reduce != nullptr ? copy.element : kPiece;
  if (!touch(warp, in, lane, source.host, bytes, kPiece, Access::kRead) ||
      !touch(warp, in, lane, target.host, bytes, piece, access)) {
    return false;
  }
  copy.warp = &warp;
  copy.lane = lane;
  copy.instr = &in;
  copy.destination = target.host;
  copy.owner = target.owner;
  copy.source = source.host;
  copy.source_owner = source.owner;
  copy.bytes = bytes;
  warp.block->cluster().copies().begin(std::move(copy));
  return true;
}

// a: destination, b: source, c: bytes, d: mbarrier, dst: blocks of a multicast; imm: a Reducer or null.
const Instr* bulk_copy(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  const uint64_t *to = slot<uint64_t>(warp, in.a), *from = slot<uint64_t>(warp, in.b), *objects = slot<uint64_t>(warp, in.d);
  const uint32_t *sizes = slot<uint32_t>(warp, in.c), *masks = slot<uint32_t>(warp, in.dst);
  if (warp.suspected) warp.block->changed();
  for (uint32_t left = active; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    if (sizes[lane] % kPiece != 0) {
      return warp.block->fault(warp, in, lane, Status::kMisalignedAddress,
                               "bulk copy of " + std::to_string(sizes[lane]) + " bytes, which is not a multiple of 16");
    }
    if ((in.flags & kMulticast) == 0) {
      if (!begin(warp, in, lane, to[lane], from[lane], sizes[lane], objects[lane])) return stop();
      continue;
    }
    for (uint32_t blocks = masks[lane] & 0xffff; blocks != 0; blocks &= blocks - 1) {
      const uint32_t rank = static_cast<uint32_t>(__builtin_ctz(blocks));
      if (!begin(warp, in, lane, in_block(to[lane], rank), from[lane], sizes[lane], in_block(objects[lane], rank))) {
        return stop();
      }
    }
  }
  return &in + 1;
}

const Instr* prefetch(Warp& warp, const Instr& in) {
  const uint64_t* from = slot<uint64_t>(warp, in.a);
  const uint32_t* sizes = slot<uint32_t>(warp, in.b);
  const Instr* next = &in + 1;
  for_each_lane(active_lanes(warp, in), [&](int lane) {
    const std::string what = "bulk prefetch of " + std::to_string(sizes[lane]) + " bytes";
    if (sizes[lane] % kPiece != 0) {
      next = warp.block->fault(warp, in, lane, Status::kMisalignedAddress, what + ", which is not a multiple of 16");
    } else if (resolve(warp, in, lane, from[lane], sizes[lane], kPiece, false, what).host == nullptr) {
      next = stop();
    }
  });
  return next;
}

const Instr* commit(Warp& warp, const Instr& in) {
  warp.block->cluster().copies().commit(warp, active_lanes(warp, in));
  return &in + 1;
}

// imm: groups that may be on their way still; flags: it is enough that they have read.
const Instr* wait(Warp& warp, const Instr& in) {
  if (warp.suspected) warp.block->changed();
  warp.block->cluster().copies().wait_group(warp, active_lanes(warp, in), static_cast<uint32_t>(in.imm), in.flags != 0);
  return &in + 1;
}

// st.async and red.async. a: destination; N values of W in the slots dst, b, c and d; the slot of the mbarrier is d, or imm
// of four values; imm of one: a Reducer or null.
template <class W, int N>
const Instr* async_store(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  const uint64_t *to = slot<uint64_t>(warp, in.a), *objects = slot<uint64_t>(warp, N == 4 ? static_cast<Slot>(in.imm) : in.d);
  const Slot values[] = {in.dst, in.b, in.c, in.d};
  if (warp.suspected) warp.block->changed();
  for (uint32_t left = active; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    constexpr uint32_t kBytes = N * sizeof(W);
    const Range target = resolve(warp, in, lane, to[lane], kBytes, kBytes, true,
                                 "asynchronous store of " + std::to_string(kBytes) + " bytes");
    if (target.host == nullptr) return stop();
    const Range object = resolve(warp, in, lane, objects[lane], 8, 8, true, "mbarrier of an asynchronous store");
    if (object.host == nullptr) return stop();
    if (object.owner != target.owner) {
      return warp.block->fault(warp, in, lane, Status::kIllegalAddress,
                               "the mbarrier of an asynchronous store lies in the shared memory of another block");
    }
    BulkCopy copy;
    copy.reduce = N == 1 ? reinterpret_cast<Reducer>(in.imm) : nullptr;
    if (!touch(warp, in, lane, target.host, kBytes, kBytes, copy.reduce != nullptr ? Access::kAtomic : Access::kWrite)) {
      return stop();
    }
    copy.warp = &warp;
    copy.lane = lane;
    copy.instr = &in;
    copy.destination = target.host;
    copy.owner = target.owner;
    copy.mbarrier = object.host;
    copy.bytes = copy.element = kBytes;
    copy.held.resize(kBytes);
    for (int n = 0; n < N; n++) {
      std::memcpy(copy.held.data() + static_cast<size_t>(n) * sizeof(W), slot<W>(warp, values[n]) + lane, sizeof(W));
    }
    warp.block->cluster().copies().begin(std::move(copy));
  }
  return &in + 1;
}

// a + imm as a generic address; flags: of shared memory.
template <class W>
const Instr* generic_address(Warp& warp, const Instr& in) {
  const W* a = slot<W>(warp, in.a);
  uint64_t* d = slot<uint64_t>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    const uint64_t address = static_cast<W>(a[i] + in.imm);
    d[i] = in.flags != 0 ? kSharedWindow | (address & ~kWindowMask) : address;
  });
  return &in + 1;
}

// An address operand as generic addresses in a scratch slot of its own.
Slot emit_address(Decoder& d, size_t index, bool shared, uint32_t scratch) {
  const Operand& address = d.operand(index);
  if (address.kind != Operand::Kind::kAddress) d.fail("'" + std::string(d.opcode()) + ".async' needs addresses in brackets");
  const Operand& base = address.parts.at(0);
  const bool narrow = shared && (base.kind != Operand::Kind::kRegister || d.register_bytes(base) == 4);
  uint64_t offset = 0;
  const Slot from =
      address_slot(d, address, shared ? (narrow ? AddressKind::kCluster32 : AddressKind::kCluster64) : AddressKind::kGlobal,
                   offset);
  const Slot to = d.scratch(Type::kB64, scratch);
  Instr& instr = d.emit(narrow ? &generic_address<uint32_t> : &generic_address<uint64_t>, to, from);
  instr.imm = offset;
  instr.flags = shared;
  return to;
}

void decode_group(Decoder& d, bool commits) {
  if (commits) {
    d.expect_operands(0);
    d.emit(&commit);
    return;
  }
  const bool only_reads = d.take(".read");
  d.expect_operands(1);
  Instr& instr = d.emit(&wait);
  instr.imm = d.immediate(d.operand(0));
  instr.flags = only_reads;
}

// .prefetch.L2.global{.level::cache_hint} [source], size{, policy}
void decode_prefetch(Decoder& d) {
  const bool hint = d.take(".L2::cache_hint");
  if (!d.take(".L2") || !d.take(".global")) d.fail("'cp.async.bulk.prefetch' is .L2.global");
  d.expect_operands(hint ? 3 : 2);
  const Slot source = emit_address(d, 0, false, 0);
  d.emit(&prefetch, 0, source, d.read(1, Type::kU32));
}

}  // namespace

// cp{.reduce}.async.bulk.to.from.completion{.multicast::cluster}{.L2::cache_hint}{.op.type}
//     [to], [from], size{, [mbarrier]}{, mask}{, policy}
void decode_bulk(Decoder& d, bool reduces) {
  if (d.take(".tensor")) d.fail("tensor copies need a tensor map, which this device does not have");
  if (!reduces) {
    if (d.take(".commit_group")) return decode_group(d, true);
    if (d.take(".wait_group")) return decode_group(d, false);
    if (d.take(".prefetch")) return decode_prefetch(d);
  }
  const int to = d.take_first_of({".global", ".shared::cluster", ".shared::cta"});
  const int from = d.take_first_of({".global", ".shared::cta"});
  const bool to_shared = to > 0, from_shared = from == 1;
  if (to < 0 || from < 0 || (!to_shared && !from_shared) || (reduces && !from_shared) || (to == 2 && from_shared)) {
    d.fail("a bulk copy goes from .global to .shared::cluster or .shared::cta, or from .shared::cta to .shared::cluster or "
           ".global");
  }
  if (to_shared ? !d.take(".mbarrier::complete_tx::bytes") : !d.take(".bulk_group")) {
    d.fail("a bulk copy to shared memory completes at an mbarrier, one to global memory in a bulk_group");
  }
  const bool multicast = d.take(".multicast::cluster"), hint = d.take(".L2::cache_hint");
  if (multicast && (to != 1 || from_shared)) d.fail("a multicast goes from .global to .shared::cluster");
  Type type = Type::kNone;
  const Reducer reducer = reduces ? take_reducer(d, to_shared, type) : nullptr;
  d.expect_operands(3u + (to_shared ? 1 : 0) + (multicast ? 1 : 0) + (hint ? 1 : 0));
  const Slot destination = emit_address(d, 0, to_shared, 0), source = emit_address(d, 1, from_shared, 1);
  const Slot object = to_shared ? emit_address(d, 3, true, 2) : destination;
  const Slot size = d.read(2, Type::kU32);
  int held = 0;
  const Slot mask = multicast ? d.read_any_width(d.operand(4), Type::kU16, held) : d.constants().word(0);
  Instr& instr = d.emit(&bulk_copy, mask, destination, source, size, object);
  instr.imm = reinterpret_cast<uint64_t>(reducer);
  instr.flags = static_cast<uint8_t>((from_shared ? kFromShared : 0) | (to_shared ? kToShared : 0) |
                                     (multicast ? kMulticast : 0) |
                                     (reduces ? __builtin_ctz(static_cast<unsigned>(ptx::bytes_of(type))) << kElementAt : 0));
  instr.jump = d.remember_allocation();
}

namespace {

void take_completion(Decoder& d, const char* name) {
  d.take(".shared::cluster");
  if (!d.take(".mbarrier::complete_tx::bytes")) d.fail(std::string("'") + name + "' completes at an mbarrier");
  d.expect_operands(3);
}

template <class W>
Handler store_handler(int n) {
  return n == 1 ? &async_store<W, 1> : n == 2 ? &async_store<W, 2> : sizeof(W) == 4 ? &async_store<uint32_t, 4> : nullptr;
}

}  // namespace

// st.async{.weak}{.shared::cluster}.mbarrier::complete_tx::bytes{.vector}.type [to], value, [mbarrier]
void decode_async_store(Decoder& d) {
  d.ignore({".weak"});
  take_completion(d, "st.async");
  const int n = d.take(".v2") ? 2 : d.take(".v4") ? 4 : 1;
  const Type type = d.take_type();
  const int bytes = ptx::bytes_of(type);
  const Operand& value = d.operand(1);
  const std::vector<Operand> parts = value.kind == Operand::Kind::kVector ? value.parts : std::vector<Operand>{value};
  const Handler handler = bytes == 8 ? store_handler<uint64_t>(n) : store_handler<uint32_t>(n);
  if (bytes < 4 || bytes > 8 || handler == nullptr || parts.size() != static_cast<size_t>(n)) {
    d.fail("'st.async' stores 32 or 64 bits, one, two or four of them, and at most 16 bytes");
  }
  Slot slots[4] = {};
  for (size_t i = 0; i < parts.size(); i++) slots[i] = d.read(parts[i], type);
  const Slot to = emit_address(d, 0, true, 0), object = emit_address(d, 2, true, 1);
  Instr& instr = d.emit(handler, slots[0], to, slots[1], slots[2], n == 4 ? slots[3] : object);
  instr.imm = n == 4 ? object : 0;
  instr.jump = d.remember_allocation();
}

// red.async{.relaxed}{.cluster}{.shared::cluster}.mbarrier::complete_tx::bytes.op.type [to], value, [mbarrier]
void decode_async_reduction(Decoder& d) {
  d.ignore({".relaxed", ".cluster"});
  take_completion(d, "red.async");
  Type type = Type::kNone;
  const Reducer reducer = take_reducer(d, true, type);
  const int bytes = ptx::bytes_of(type);
  if (bytes < 4 || ptx::is_float(type)) d.fail("'red.async' is of integers of 32 and 64 bits");
  const Slot value = d.read(1, type);
  const Slot to = emit_address(d, 0, true, 0), object = emit_address(d, 2, true, 1);
  Instr& instr = d.emit(bytes == 8 ? &async_store<uint64_t, 1> : &async_store<uint32_t, 1>, value, to, 0, 0, object);
  instr.imm = reinterpret_cast<uint64_t>(reducer);
  instr.jump = d.remember_allocation();
}

}  // namespace talweg::exec
