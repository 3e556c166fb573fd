// ld and st in all spaces, decoded (PTX ISA, "Data Movement and Conversion Instructions").
#include "memory_ops.hpp"

#include "bulk_ops.hpp"
#include "memory_handlers.hpp"

namespace talweg::exec {

using ptx::Space;

// Takes the state space and gives the kind of address that the operand then is. Constants lie in global memory.
AddressKind take_address_kind(Decoder& d, const Operand& address) {
  const Operand& base = address.parts.at(0);
  const int space = d.take_one_of({".global", ".shared", ".shared::cta", ".local", ".const", ".param", ".param::entry",
                                   ".param::func", ".shared::cluster"});
  const bool narrow = base.kind == Operand::Kind::kRegister && d.register_bytes(base) == 4;
  switch (space) {
    case 1:
    case 2: return narrow || base.kind != Operand::Kind::kRegister ? AddressKind::kShared32 : AddressKind::kShared64;
    case 3:
      if (base.kind == Operand::Kind::kVariable) return AddressKind::kFrame;
      return narrow ? AddressKind::kLocal32 : AddressKind::kLocal64;
    case 5:
    case 6:
    case 7:
      if (base.kind == Operand::Kind::kVariable && d.addresses().frame.count(base.variable) != 0) {
        return AddressKind::kFrame;
      }
      return AddressKind::kParameter;
    case 8: return narrow || base.kind != Operand::Kind::kRegister ? AddressKind::kCluster32 : AddressKind::kCluster64;
    case -1: return AddressKind::kGeneric;
    default: return AddressKind::kGlobal;
  }
}

// The slot with the lanes' bases, and in `offset` what to add to each.
Slot address_slot(Decoder& d, const Operand& address, AddressKind kind, uint64_t& offset) {
  const Operand& base = address.parts.at(0);
  offset = static_cast<uint64_t>(address.offset);
  if (base.kind == Operand::Kind::kRegister) {
    const int bytes = d.register_bytes(base);
    const bool may_be_narrow =
        kind == AddressKind::kShared32 || kind == AddressKind::kCluster32 || kind == AddressKind::kLocal32;
    if (bytes == 0 || (bytes == 4) != may_be_narrow) d.fail("an address register needs 64 bits here");
    return d.read(base, bytes == 4 ? Type::kU32 : Type::kU64);
  }
  if (base.kind == Operand::Kind::kInteger) {
    offset += base.bits;
  } else if (base.kind != Operand::Kind::kVariable) {
    d.fail("'" + std::string(base.name) + "' is no address");
  } else if (kind == AddressKind::kFrame) {
    offset += d.addresses().frame.at(base.variable);
  } else {
    offset += d.address_of(*base.variable);
    if (kind == AddressKind::kGeneric && base.variable->space == Space::kShared) offset += kSharedWindow;
  }
  const bool narrow = kind == AddressKind::kShared32 || kind == AddressKind::kCluster32;
  return d.constant(narrow ? Type::kU32 : Type::kU64, 0);
}

namespace {

Path path_of(AddressKind kind) {
  return kind == AddressKind::kGlobal     ? Path::kGlobal
         : kind == AddressKind::kShared32 ? Path::kShared
         : kind == AddressKind::kShared64 ? Path::kSharedWide
                                          : Path::kOther;
}

// Offset, kind and allocation of a load or store.
void complete(Decoder& d, Instr& instr, Path path, AddressKind kind, uint64_t offset) {
  instr.imm = offset;
  instr.kind = kind;
  instr.jump = d.remember_allocation();
  if (path != Path::kSharedWide) return;
  instr.imm = static_cast<uint32_t>(offset) | static_cast<uint64_t>(instr.a) << 32;
  instr.a = d.scratch(Type::kB32, 3);
  instr.kind = AddressKind::kShared32;
}

}  // namespace

void emit_access(Decoder& d, bool is_load, Type type, AddressKind kind, Slot base, uint64_t offset, Slot reg) {
  const int held = ptx::bytes_of(type) == 8 ? 8 : 4;
  const Path path = path_of(kind);
  Instr& instr = d.emit(access_handler(type, held, 1, is_load, false, path), reg, base);
  instr.access = static_cast<uint8_t>(1 | (held == 8 ? kWideWords : 0));
  complete(d, instr, path, kind, offset);
}

namespace {

void decode_access(Decoder& d, bool is_load) {
  if (!is_load && d.take(".async")) return decode_async_store(d);
  const bool policy = d.take(".L2::cache_hint");
  d.expect_operands(policy ? 3 : 2);
  const Operand& address = d.operand(is_load ? 1 : 0);
  const Operand& value = d.operand(is_load ? 0 : 1);
  if (address.kind != Operand::Kind::kAddress) d.fail("'" + std::string(d.opcode()) + "' needs an address in brackets");
  const bool strong = d.take_one_of({".volatile", ".relaxed", ".acquire", ".release"}) >= 0;
  if (strong) d.take_one_of({".cta", ".cluster", ".gpu", ".sys"});
  d.ignore({".weak", ".nc", ".ca", ".cg", ".cs", ".lu", ".cv", ".wb", ".wt", ".L1::evict_normal", ".L1::evict_unchanged",
            ".L1::evict_first", ".L1::evict_last", ".L1::no_allocate", ".L2::64B", ".L2::128B", ".L2::256B"});
  const AddressKind kind = take_address_kind(d, address);
  const int n = d.take(".v2") ? 2 : d.take(".v4") ? 4 : 1;
  const Type type = d.take_type();
  if (type == Type::kPred) d.fail("predicates cannot be loaded or stored");
  if (type == Type::kB128) {
    if (n != 1) d.fail("a vector of .b128");
    const Slot whole = is_load ? d.write(value, type) : d.read(value, type);
    uint64_t offset = 0;
    const Slot base = address_slot(d, address, kind, offset);
    Instr& instr = d.emit(handler_128(is_load), whole, base, whole + kSlotBytes64);
    instr.access = static_cast<uint8_t>(2 | kWideWords | (strong ? kStrong : 0));
    complete(d, instr, Path::kOther, kind, offset);
    return;
  }
  std::vector<Operand> parts = value.kind == Operand::Kind::kVector ? value.parts : std::vector<Operand>{value};
  if (parts.size() != static_cast<size_t>(n)) d.fail("the vector has not the size that the instruction says");

  Slot slots[4] = {};
  int widest = 4;
  for (int i = 0; i < n; i++) {
    int held = 0;
    slots[i] = is_load ? d.write_any_width(parts[i], type, held) : d.read_any_width(parts[i], type, held);
    widest = std::max(widest, held);
  }
  for (int i = 0; i < n; i++) {  // '_' and constants follow the registers
    int held = 0;
    if (is_load) d.write_any_width(parts[i], type, held);
    else d.read_any_width(parts[i], type, held);
    if (held == widest) continue;
    if (parts[i].kind == Operand::Kind::kSink) slots[i] = d.scratch(Type::kB64);
    else if (parts[i].kind == Operand::Kind::kInteger) slots[i] = d.constant(Type::kB64, parts[i].bits);
    else d.fail("the registers of a vector must be of one size");
  }

  uint64_t offset = 0;
  const Slot base = address_slot(d, address, kind, offset);
  if (kind == AddressKind::kParameter && address.parts[0].kind == Operand::Kind::kVariable && is_load) {
    const uint64_t size = address.parts[0].variable->size, bytes = static_cast<uint64_t>(n * ptx::bytes_of(type));
    if (address.offset < 0 || static_cast<uint64_t>(address.offset) > size ||
        bytes > size - static_cast<uint64_t>(address.offset)) {
      d.fail("'" + std::string(address.parts[0].name) + "' has only " + std::to_string(size) + " bytes");
    }
    const Handler handler = parameter_handler(type, widest);
    for (int i = 0; i < n; i++) {
      d.emit(handler, slots[i]).imm = offset + static_cast<uint64_t>(i * ptx::bytes_of(type));
    }
    return;
  }
  const Path path = strong ? Path::kOther : path_of(kind);
  const Handler handler = access_handler(type, widest, n, is_load, strong, path);
  if (handler == nullptr) d.fail("'" + std::string(d.opcode()) + "' of a vector wider than 16 bytes");
  Instr& instr = d.emit(handler, slots[0], base, slots[1], slots[2], slots[3]);
  instr.access = static_cast<uint8_t>(n | (widest == 8 ? kWideWords : 0) | (strong ? kStrong : 0));
  complete(d, instr, path, kind, offset);
}

void decode_ld(Decoder& d) { decode_access(d, true); }
void decode_st(Decoder& d) { decode_access(d, false); }

void decode_prefetch(Decoder& d) {
  d.ignore({".global", ".local", ".const", ".param", ".L1", ".L2", ".L2::evict_last", ".L2::evict_normal", ".tensormap"});
  d.expect_operands(1);
}

// Hints about caches; `discard` lets the contents become anything, so also stay what they are.
void decode_cache_hint(Decoder& d) {
  d.ignore({".global", ".L2", ".L2::evict_normal"});
  d.expect_operands(2);
  if (d.immediate(d.operand(1)) != 128) d.fail("'" + std::string(d.opcode()) + "' is for 128 bytes");
}

}  // namespace

const OpcodeTable kMemoryOpcodes = {
    {"ld", decode_ld}, {"ldu", decode_ld}, {"st", decode_st}, {"prefetch", decode_prefetch},
    {"prefetchu", decode_prefetch}, {"discard", decode_cache_hint}, {"applypriority", decode_cache_hint},
};

}  // namespace talweg::exec
