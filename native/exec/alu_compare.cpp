// Comparison and selection (PTX ISA, "Comparison and Selection Instructions").
#include "alu_half.hpp"
#include "float_rules.hpp"
#include "types.hpp"

namespace talweg::exec {
namespace {

// How a comparison's result is combined with the predicate operand c.
enum class Combine : uint8_t { kNone, kAnd, kOr, kXor };

enum class Compare { kEq, kNe, kLt, kLe, kGt, kGe, kEqu, kNeu, kLtu, kLeu, kGtu, kGeu, kNum, kNan };

template <class T, Compare kCompare>
bool holds(T a, T b) {
  switch (kCompare) {
    case Compare::kEq: return a == b;
    case Compare::kNe: return a < b || a > b;  // false for NaN, unlike !=
    case Compare::kLt: return a < b;
    case Compare::kLe: return a <= b;
    case Compare::kGt: return a > b;
    case Compare::kGe: return a >= b;
    case Compare::kEqu: return !(a < b || a > b);
    case Compare::kNeu: return a != b;
    case Compare::kLtu: return !(a >= b);
    case Compare::kLeu: return !(a > b);
    case Compare::kGtu: return !(a <= b);
    case Compare::kGeu: return !(a < b);
    case Compare::kNum: return a == a && b == b;
    case Compare::kNan: return a != a || b != b;
  }
}

// The lanes where the comparison holds. Subnormals count as zero under .ftz.
template <class T, Compare kCompare, bool kFtz>
uint32_t compare(Warp& warp, const Instr& in) {
  const Word<T>* a = slot<Word<T>>(warp, in.a);
  const Word<T>* b = slot<Word<T>>(warp, in.b);
  uint32_t bits = 0;
  for (int i = 0; i < kLanes; i++) {
    T x = from_word<T>(a[i]), y = from_word<T>(b[i]);
    if constexpr (kFtz) {
      x = flush<true>(x);
      y = flush<true>(y);
    }
    bits |= holds<T, kCompare>(x, y) ? 1u << i : 0u;
  }
  return bits;
}

uint32_t combined(Warp& warp, const Instr& in, uint32_t bits) {
  const uint32_t c = predicate(warp, in.c) ^ (in.imm != 0 ? kAllLanes : 0);
  switch (static_cast<Combine>(in.flags)) {
    case Combine::kNone: return bits;
    case Combine::kAnd: return bits & c;
    case Combine::kOr: return bits | c;
    case Combine::kXor: return bits ^ c;
  }
  return bits;
}

// dst gets the result, d what it would be with the comparison negated.
template <class T, Compare kCompare, bool kFtz>
const Instr* setp(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  const uint32_t bits = compare<T, kCompare, kFtz>(warp, in);
  if (static_cast<Combine>(in.flags) == Combine::kNone) {
    write_predicate(warp, in.dst, active, bits);
    write_predicate(warp, in.d, active, ~bits);
  } else {
    const uint32_t p = combined(warp, in, bits), q = combined(warp, in, ~bits);
    write_predicate(warp, in.dst, active, p);
    write_predicate(warp, in.d, active, q);
  }
  return &in + 1;
}

// set: the value in slot d where the comparison holds, else 0.
template <class T, Compare kCompare, bool kFtz>
const Instr* set(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  const uint32_t bits = combined(warp, in, compare<T, kCompare, kFtz>(warp, in));
  const uint32_t* truth = slot<uint32_t>(warp, in.d);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  for_each_lane(active, [&](int i) { d[i] = (bits >> i & 1) != 0 ? truth[i] : 0; });
  return &in + 1;
}

template <class T, Compare kCompare, bool kFtz>
Handler choose_form(bool to_predicate) {
  return to_predicate ? &setp<T, kCompare, kFtz> : &set<T, kCompare, kFtz>;
}

template <class T, bool kFtz = false>
Handler choose_compare(Decoder& d, bool p) {
  switch (d.take_one_of({".eq", ".ne", ".lt", ".le", ".gt", ".ge", ".lo", ".ls", ".hi", ".hs"})) {
    case 0: return choose_form<T, Compare::kEq, kFtz>(p);
    case 1: return choose_form<T, Compare::kNe, kFtz>(p);
    case 2: case 6: return choose_form<T, Compare::kLt, kFtz>(p);
    case 3: case 7: return choose_form<T, Compare::kLe, kFtz>(p);
    case 4: case 8: return choose_form<T, Compare::kGt, kFtz>(p);
    case 5: case 9: return choose_form<T, Compare::kGe, kFtz>(p);
    default: break;
  }
  if constexpr (std::is_floating_point_v<T>) {
    switch (d.take_one_of({".equ", ".neu", ".ltu", ".leu", ".gtu", ".geu", ".num", ".nan"})) {
      case 0: return choose_form<T, Compare::kEqu, kFtz>(p);
      case 1: return choose_form<T, Compare::kNeu, kFtz>(p);
      case 2: return choose_form<T, Compare::kLtu, kFtz>(p);
      case 3: return choose_form<T, Compare::kLeu, kFtz>(p);
      case 4: return choose_form<T, Compare::kGtu, kFtz>(p);
      case 5: return choose_form<T, Compare::kGeu, kFtz>(p);
      case 6: return choose_form<T, Compare::kNum, kFtz>(p);
      case 7: return choose_form<T, Compare::kNan, kFtz>(p);
      default: break;
    }
  }
  d.fail("'" + std::string(d.opcode()) + "' lacks a comparison, or the type does not know it");
}

Handler choose(Decoder& d, Type type, bool ftz, bool p) {
  switch (type) {
    case Type::kB16: case Type::kU16: return choose_compare<uint16_t>(d, p);
    case Type::kS16: return choose_compare<int16_t>(d, p);
    case Type::kB32: case Type::kU32: return choose_compare<uint32_t>(d, p);
    case Type::kS32: return choose_compare<int32_t>(d, p);
    case Type::kB64: case Type::kU64: return choose_compare<uint64_t>(d, p);
    case Type::kS64: return choose_compare<int64_t>(d, p);
    case Type::kF32: return ftz ? choose_compare<float, true>(d, p) : choose_compare<float>(d, p);
    case Type::kF64: return choose_compare<double>(d, p);
    default: d.fail("'" + std::string(d.opcode()) + "' knows no such type");
  }
}

Combine take_combine(Decoder& d) { return static_cast<Combine>(d.take_one_of({".and", ".or", ".xor"}) + 1); }

void decode_setp(Decoder& d) {
  if (is_narrow_float(last_type(d))) return decode_narrow_setp(d);
  const Combine combine = take_combine(d);
  d.expect_operands(combine == Combine::kNone ? 3 : 4);
  const bool ftz = d.take(".ftz");
  const Type type = d.take_type();
  const Operand& result = d.operand(0);
  const bool pair = result.kind == Operand::Kind::kPair;
  const Slot p = d.write_predicate(pair ? result.parts[0] : result);
  const Slot q = pair ? d.write_predicate(result.parts[1]) : d.scratch(Type::kPred);
  const Slot c = combine == Combine::kNone ? 0 : d.read_predicate(d.operand(3));
  const bool flip = combine != Combine::kNone && d.operand(3).negated;
  Instr& instr = d.emit(choose(d, type, ftz, true), p, d.read(1, type), d.read(2, type), c, q);
  instr.flags = static_cast<uint8_t>(combine);
  instr.imm = flip;
}

void decode_set(Decoder& d) {
  if (is_narrow_float(last_type(d))) return decode_narrow_set(d);
  const Combine combine = take_combine(d);
  d.expect_operands(combine == Combine::kNone ? 3 : 4);
  const bool ftz = d.take(".ftz");
  const Type to = d.take_type(), type = d.take_type();
  if (ptx::bytes_of(to) != 4) d.fail("'set' gives 32 bits");
  const Slot truth = d.constant(Type::kB32, to == Type::kF32 ? 0x3f800000u : 0xffffffffu);
  const Slot c = combine == Combine::kNone ? 0 : d.read_predicate(d.operand(3));
  const bool flip = combine != Combine::kNone && d.operand(3).negated;
  Instr& instr = d.emit(choose(d, type, ftz, false), d.write(0, to), d.read(1, type), d.read(2, type), c, truth);
  instr.flags = static_cast<uint8_t>(combine);
  instr.imm = flip;
}

template <class W>
const Instr* selp(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  const uint32_t choice = predicate(warp, in.c) ^ static_cast<uint32_t>(in.imm);
  W* d = slot<W>(warp, in.dst);
  const W *a = slot<W>(warp, in.a), *b = slot<W>(warp, in.b);
#pragma GCC ivdep
  for (int i = 0; i < kLanes; i++) {
    const W value = (choice >> i & 1) != 0 ? a[i] : b[i];
    d[i] = (active >> i & 1) != 0 ? value : d[i];
  }
  return &in + 1;
}

void decode_selp(Decoder& d) {
  const Type type = d.take_type();
  d.expect_operands(4);
  d.emit(ptx::bytes_of(type) == 8 ? &selp<uint64_t> : &selp<uint32_t>, d.write(0, type), d.read(1, type),
         d.read(2, type), d.read_predicate(d.operand(3)))
      .imm = d.operand(3).negated ? kAllLanes : 0;
}

template <class W, class C, bool kFtz>
const Instr* slct(Warp& warp, const Instr& in) {
  W* d = slot<W>(warp, in.dst);
  const W *a = slot<W>(warp, in.a), *b = slot<W>(warp, in.b);
  const uint32_t* c = slot<uint32_t>(warp, in.c);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    C value = from_word<C>(c[i]);
    if constexpr (kFtz) value = flush<true>(value);
    d[i] = value >= C{0} ? a[i] : b[i];
  });
  return &in + 1;
}

void decode_slct(Decoder& d) {
  const bool ftz = d.take(".ftz");
  const Type type = d.take_type(), by = d.take_type();
  d.expect_operands(4);
  if (by != Type::kS32 && by != Type::kF32) d.fail("'slct' selects by .s32 or .f32");
  const bool wide = ptx::bytes_of(type) == 8;
  const Handler handler = by == Type::kS32 ? (wide ? &slct<uint64_t, int32_t, false> : &slct<uint32_t, int32_t, false>)
                          : ftz            ? (wide ? &slct<uint64_t, float, true> : &slct<uint32_t, float, true>)
                                           : (wide ? &slct<uint64_t, float, false> : &slct<uint32_t, float, false>);
  d.emit(handler, d.write(0, type), d.read(1, type), d.read(2, type), d.read(3, by));
}

}  // namespace

const OpcodeTable kCompareOpcodes = {
    {"setp", decode_setp}, {"set", decode_set}, {"selp", decode_selp}, {"slct", decode_slct},
};

}  // namespace talweg::exec
