// mov, cvta and isspacep: values, addresses and special registers (PTX ISA, "Data Movement").
#include <chrono>

#include "types.hpp"

#include "block.hpp"
#include "memory_access.hpp"

namespace talweg::exec {
namespace {

template <class T>
T same(T a) { return a; }

const Instr* move_predicate(Warp& warp, const Instr& in) {
  write_predicate(warp, in.dst, active_lanes(warp, in), predicate(warp, in.a) ^ static_cast<uint32_t>(in.imm));
  return &in + 1;
}

uint64_t nanoseconds() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

template <class W, bool kHigh>
const Instr* read_clock(Warp& warp, const Instr& in) {
  if (warp.suspected) warp.block->changed();  // time goes by
  const uint64_t now = nanoseconds();
  W* d = slot<W>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) { d[i] = static_cast<W>(kHigh ? now >> 32 : now); });
  warp.likely_spin();
  return &in + 1;
}

// imm: offset in the running function's local frame.
template <class W>
const Instr* local_address(Warp& warp, const Instr& in) {
  W* d = slot<W>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) { d[i] = static_cast<W>(warp.local_base(i) + in.imm); });
  return &in + 1;
}

template <class W, class P, int N>
const Instr* pack(Warp& warp, const Instr& in) {
  const Slot parts[4] = {in.a, in.b, in.c, in.d};
  W* d = slot<W>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    W value = 0;
    for (int n = 0; n < N; n++) {
      value |= static_cast<W>(static_cast<P>(slot<uint32_t>(warp, parts[n])[i])) << (8 * sizeof(P) * n);
    }
    d[i] = value;
  });
  return &in + 1;
}

template <class W, class P, int N>
const Instr* unpack(Warp& warp, const Instr& in) {
  const Slot parts[4] = {in.dst, in.b, in.c, in.d};
  const W* a = slot<W>(warp, in.a);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    const W value = a[i];
    for (int n = 0; n < N; n++) slot<uint32_t>(warp, parts[n])[i] = static_cast<P>(value >> (8 * sizeof(P) * n));
  });
  return &in + 1;
}

// mov.b128 of a pair of 64-bit registers, one way or the other, or of a whole register.
void emit_move_128(Decoder& d) {
  const auto halves = [&](const Operand& operand, bool written, Slot (&slots)[2]) {
    if (operand.kind == Operand::Kind::kVector) {
      if (operand.parts.size() != 2) d.fail("128 bits are two halves");
      for (size_t i = 0; i < 2; i++) {
        slots[i] = written ? d.write(operand.parts[i], Type::kB64) : d.read(operand.parts[i], Type::kB64);
      }
    } else {
      slots[0] = written ? d.write(operand, Type::kB128) : d.read(operand, Type::kB128);
      slots[1] = slots[0] + kSlotBytes64;
    }
  };
  Slot to[2], from[2];
  halves(d.operand(0), true, to);
  halves(d.operand(1), false, from);
  const Slot low = d.scratch(Type::kB64, 2);  // the first half may be a source of the second
  d.emit(&Lanewise<&same<uint64_t>>::run, low, from[0]);
  d.emit(&Lanewise<&same<uint64_t>>::run, to[1], from[1]);
  d.emit(&Lanewise<&same<uint64_t>>::run, to[0], low);
}

void emit_vector_move(Decoder& d, Type type, bool packs) {
  const Operand& vector = d.operand(packs ? 1 : 0);
  const int bytes = ptx::bytes_of(type), n = static_cast<int>(vector.parts.size());
  const Type part = n == 2 && bytes == 8 ? Type::kB32 : Type::kB16;
  if (bytes < 4 || n * ptx::bytes_of(part) != bytes) d.fail("'mov' of a vector that does not fill the type");
  Slot s[4] = {};
  for (int i = 0; i < n; i++) {
    s[i] = packs ? d.read(vector.parts[static_cast<size_t>(i)], part) : d.write(vector.parts[static_cast<size_t>(i)], part);
  }
  if (packs) {
    const Handler handler = bytes == 4 ? &pack<uint32_t, uint16_t, 2>
                            : n == 2   ? &pack<uint64_t, uint32_t, 2>
                                       : &pack<uint64_t, uint16_t, 4>;
    d.emit(handler, d.write(0, type), s[0], s[1], s[2], s[3]);
  } else {
    const Handler handler = bytes == 4 ? &unpack<uint32_t, uint16_t, 2>
                            : n == 2   ? &unpack<uint64_t, uint32_t, 2>
                                       : &unpack<uint64_t, uint16_t, 4>;
    d.emit(handler, s[0], d.read(1, type), s[1], s[2], s[3]);
  }
}

// Special registers that are not slots; false if the operand is none of them.
bool emit_changing_special(Decoder& d, Type type) {
  const std::string_view name = d.operand(1).name;
  if (name == "%clock" || name == "%globaltimer_lo") {
    d.emit(&read_clock<uint32_t, false>, d.write(0, Type::kU32));
  } else if (name == "%clock_hi" || name == "%globaltimer_hi") {
    d.emit(&read_clock<uint32_t, true>, d.write(0, Type::kU32));
  } else if (name == "%clock64" || name == "%globaltimer") {
    d.emit(&read_clock<uint64_t, false>, d.write(0, Type::kU64));
  } else if (name == "%gridid" && ptx::bytes_of(type) == 8) {
    d.emit(&Lanewise<&same<uint64_t>>::run, d.write(0, type), d.constant(Type::kU64, 0));
  } else {
    return false;
  }
  return true;
}

void decode_mov(Decoder& d) {
  const Type type = d.take_any_type();
  if (type != Type::kPred && ptx::bytes_of(type) < 2) d.fail("'mov' knows no such type");
  d.expect_operands(2);
  if (type == Type::kB128) return emit_move_128(d);
  const Operand& source = d.operand(1);
  const bool wide = ptx::bytes_of(type) == 8;
  if (type == Type::kPred) {
    d.emit(&move_predicate, d.write(0, type), d.read_predicate(source)).imm = source.negated ? kAllLanes : 0;
    return;
  }
  if (source.kind == Operand::Kind::kVector) return emit_vector_move(d, type, true);
  if (d.operand(0).kind == Operand::Kind::kVector) return emit_vector_move(d, type, false);
  if (source.kind == Operand::Kind::kSpecial && emit_changing_special(d, type)) return;
  if (source.kind == Operand::Kind::kVariable) {
    auto frame = d.addresses().frame.find(source.variable);
    if (frame != d.addresses().frame.end()) {
      d.emit(wide ? &local_address<uint64_t> : &local_address<uint32_t>, d.write(0, type)).imm =
          frame->second + static_cast<uint64_t>(source.offset);
      return;
    }
  }
  emit_unary(d, wide ? &Lanewise<&same<uint64_t>>::run : &Lanewise<&same<uint32_t>>::run, type);
}

uint64_t window_of(std::string_view space) {
  if (space == ".shared" || space == ".shared::cta" || space == ".shared::cluster") return kSharedWindow;
  if (space == ".local") return kLocalWindow;
  if (space == ".param" || space == ".param::entry") return kParamWindow;
  return 0;  // .global and .const
}

template <bool kTo>
const Instr* change_window(Warp& warp, const Instr& in) {
  const uint64_t* a = slot<uint64_t>(warp, in.a);
  uint64_t* d = slot<uint64_t>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) { d[i] = kTo ? a[i] - in.imm : a[i] + in.imm; });
  return &in + 1;
}

std::string_view take_space(Decoder& d) {
  for (std::string_view space : {".global", ".const", ".shared", ".shared::cta", ".shared::cluster", ".local", ".param",
                                 ".param::entry"}) {
    if (d.take(space)) return space;
  }
  d.fail("'" + std::string(d.opcode()) + "' needs a state space");
}

void decode_cvta(Decoder& d) {
  const bool to = d.take(".to");
  const uint64_t window = window_of(take_space(d));
  if (d.take_type() != Type::kU64) d.fail("addresses have 64 bits");
  d.expect_operands(2);
  const Operand& source = d.operand(1);
  if (source.kind == Operand::Kind::kVariable && d.addresses().frame.count(source.variable) != 0) {
    d.emit(&local_address<uint64_t>, d.write(0, Type::kU64)).imm =
        window + d.addresses().frame.at(source.variable) + static_cast<uint64_t>(source.offset);
    return;
  }
  d.emit(to ? &change_window<true> : &change_window<false>, d.write(0, Type::kU64), d.read(1, Type::kU64)).imm = window;
}

// flags: shared memory of this block alone.
const Instr* isspacep(Warp& warp, const Instr& in) {
  const uint64_t* a = slot<uint64_t>(warp, in.a);
  uint32_t bits = 0;
  for (int i = 0; i < kLanes; i++) {
    const bool inside = (a[i] & kWindowMask) == in.imm &&
                        (in.flags == 0 || block_of(*warp.block, a[i] & ~kWindowMask) == warp.block);
    bits |= inside ? 1u << i : 0u;
  }
  write_predicate(warp, in.dst, active_lanes(warp, in), bits);
  return &in + 1;
}

void decode_isspacep(Decoder& d) {
  const std::string_view space = take_space(d);
  d.expect_operands(2);
  Instr& instr = d.emit(&isspacep, d.write(0, Type::kPred), d.read(1, Type::kU64));
  instr.imm = window_of(space);
  instr.flags = space == ".shared" || space == ".shared::cta";
}

}  // namespace

const OpcodeTable kMoveOpcodes = {{"mov", decode_mov}, {"cvta", decode_cvta}, {"isspacep", decode_isspacep}};

}  // namespace talweg::exec
