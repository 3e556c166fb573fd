// atom and red (PTX ISA, "Parallel Synchronization and Communication Instructions"), on real atomics of the host.
#include <cstring>

#include "bulk_ops.hpp"
#include "float_rules.hpp"
#include "memory_ops.hpp"
#include "plain_memory.hpp"
#include "reduction.hpp"
#include "small_float.hpp"
#include "types.hpp"

namespace talweg::exec {
namespace {

enum class Op { kAdd, kMin, kMax, kAnd, kOr, kXor, kExch, kCas, kInc, kDec };

template <class T, Op kOp>
T combine(T old, T b) {
  if constexpr (kOp == Op::kMin) return b < old ? b : old;
  else if constexpr (kOp == Op::kMax) return old < b ? b : old;
  else if constexpr (kOp == Op::kInc) return old >= b ? T{0} : static_cast<T>(old + 1);
  else if constexpr (kOp == Op::kDec) return old == 0 || old > b ? b : static_cast<T>(old - 1);
  else return b;
}

template <class T, Op kOp>
T integer_atomic(T* memory, T b, T c) {
  constexpr int kOrder = __ATOMIC_SEQ_CST;
  if constexpr (kOp == Op::kAdd) return __atomic_fetch_add(memory, b, kOrder);
  else if constexpr (kOp == Op::kAnd) return __atomic_fetch_and(memory, b, kOrder);
  else if constexpr (kOp == Op::kOr) return __atomic_fetch_or(memory, b, kOrder);
  else if constexpr (kOp == Op::kXor) return __atomic_fetch_xor(memory, b, kOrder);
  else if constexpr (kOp == Op::kExch) return __atomic_exchange_n(memory, b, kOrder);
  else if constexpr (kOp == Op::kCas) {
    T expected = b;
    __atomic_compare_exchange_n(memory, &expected, c, false, kOrder, kOrder);
    return expected;
  } else {
    T old = __atomic_load_n(memory, kOrder);
    while (!__atomic_compare_exchange_n(memory, &old, combine<T, kOp>(old, b), false, kOrder, kOrder)) {
    }
    return old;
  }
}

// Packed and narrow floats, as bits of a word of their own.
template <class F>
struct Narrow {
  uint16_t bits;
};
template <class F>
struct Pair {
  uint32_t bits;
};

template <class F>
uint16_t sum(uint16_t a, uint16_t b) { return F::narrow(F::widen(a) + F::widen(b)); }
template <class F>
Narrow<F> sum(Narrow<F> a, Narrow<F> b) { return {sum<F>(a.bits, b.bits)}; }
template <class F>
Pair<F> sum(Pair<F> a, Pair<F> b) {
  const uint32_t low = sum<F>(static_cast<uint16_t>(a.bits), static_cast<uint16_t>(b.bits));
  return {low | uint32_t{sum<F>(static_cast<uint16_t>(a.bits >> 16), static_cast<uint16_t>(b.bits >> 16))} << 16};
}
// In global memory single precision flushes subnormals, in shared memory it does not.
struct Flushed {
  float value;
};
Flushed sum(Flushed a, Flushed b) { return {canonical(flush<true>(flush<true>(a.value) + flush<true>(b.value)))}; }
float sum(float a, float b) { return canonical(a + b); }
double sum(double a, double b) { return a + b; }

template <class T>
using Bits = std::conditional_t<sizeof(T) == 2, uint16_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>;

template <class F>
F float_add(F* memory, F b) {
  using W = Bits<F>;
  W* words = reinterpret_cast<W*>(memory);
  W old = __atomic_load_n(words, __ATOMIC_SEQ_CST);
  for (;;) {
    const W result = bit_cast<W>(sum(bit_cast<F>(old), b));
    if (__atomic_compare_exchange_n(words, &old, result, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return bit_cast<F>(old);
  }
}

template <class T>
constexpr bool kIsInteger = std::is_integral_v<T>;

template <class T>
T value_of(Word<T> word) {
  if constexpr (sizeof(T) == 2 && !kIsInteger<T>) return bit_cast<T>(static_cast<uint16_t>(word));
  else return from_word<T>(word);
}
template <class T>
Word<T> word_of(T value) {
  if constexpr (sizeof(T) == 2 && !kIsInteger<T>) return bit_cast<uint16_t>(value);
  else return to_word<T>(value);
}

template <class T, Op kOp>
T apply(std::byte* host, T b, T c) {
  if constexpr (!kIsInteger<T>) return float_add(reinterpret_cast<T*>(host), b);
  else return integer_atomic<T, kOp>(reinterpret_cast<T*>(host), b, c);
}

template <class T, Op kOp>
const Instr* atomic(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  Located located;
  locate(warp, in, in.kind, active, sizeof(T), Access::kAtomic, located);
  if (located.shape == Shape::kFault) return stop();
  using W = Word<T>;
  W* d = slot<W>(warp, in.dst);
  W b[kLanes], c[kLanes];  // copies: the destination may be one of the sources
  std::memcpy(b, slot<W>(warp, in.b), sizeof b);
  std::memcpy(c, slot<W>(warp, in.c), sizeof c);
  for_each_lane(active, [&](int i) {
    std::byte* host = located.of(i, sizeof(T));
    const T old = apply<T, kOp>(host, value_of<T>(b[i]), value_of<T>(c[i]));
    d[i] = word_of<T>(old);
    if (warp.suspected && PlainMemory<false>::load<Bits<T>>(host) != bit_cast<Bits<T>>(old)) warp.block->changed();
  });
  if (warp.suspected) listen(warp, active, located);
  if constexpr (kOp == Op::kCas || kOp == Op::kExch) warp.likely_spin();
  return &in + 1;
}

// exch and cas of 16 bytes. Halves of a register of 128 bits lie in slots that follow each other.
template <bool kCompares>
const Instr* atomic_128(Warp& warp, const Instr& in) {
  using Wide = unsigned __int128;
  const uint32_t active = active_lanes(warp, in);
  if (active == 0) return &in + 1;
  Located located;
  locate(warp, in, in.kind, active, sizeof(Wide), Access::kAtomic, located);
  if (located.shape == Shape::kFault) return stop();
  const auto get = [&](Slot low, int i) {
    return Wide{slot<uint64_t>(warp, low + kSlotBytes64)[i]} << 64 | slot<uint64_t>(warp, low)[i];
  };
  for_each_lane(active, [&](int i) {
    std::byte* host = located.of(i, sizeof(Wide));
    Wide* memory = reinterpret_cast<Wide*>(host);
    const Wide b = get(in.b, i), c = get(in.c, i);
    Wide old = kCompares ? __sync_val_compare_and_swap(memory, b, c) : __sync_val_compare_and_swap(memory, b, b);
    while (!kCompares) {
      const Wide seen = __sync_val_compare_and_swap(memory, old, b);
      if (seen == old) break;
      old = seen;
    }
    slot<uint64_t>(warp, in.dst)[i] = static_cast<uint64_t>(old);
    slot<uint64_t>(warp, in.dst + kSlotBytes64)[i] = static_cast<uint64_t>(old >> 64);
    if (warp.suspected && old != (kCompares ? c : b) && (!kCompares || old == b)) warp.block->changed();
  });
  if (warp.suspected) listen(warp, active, located);
  warp.likely_spin();
  return &in + 1;
}

template <Op kOp>
Handler integer_handler_for(Decoder& d, Type type) {
  constexpr bool kOrdered = kOp == Op::kMin || kOp == Op::kMax;
  switch (type) {
    case Type::kU32:
    case Type::kB32: return &atomic<uint32_t, kOp>;
    case Type::kU64:
    case Type::kB64: return &atomic<uint64_t, kOp>;
    case Type::kS32:
      if constexpr (kOrdered) return &atomic<int32_t, kOp>;
      else return &atomic<uint32_t, kOp>;
    case Type::kS64:
      if constexpr (kOrdered) return &atomic<int64_t, kOp>;
      else return &atomic<uint64_t, kOp>;
    case Type::kB16:
      if constexpr (kOp == Op::kCas) return &atomic<uint16_t, kOp>;
      break;
    case Type::kB128:
      if constexpr (kOp == Op::kExch || kOp == Op::kCas) return &atomic_128<kOp == Op::kCas>;
      break;
    default: break;
  }
  d.fail("'" + std::string(d.opcode()) + "' knows no such type");
}

// `shared`: in shared memory. Generic addresses count as global.
Handler float_add_handler(Decoder& d, Type type, bool shared) {
  switch (type) {
    case Type::kF32: return shared ? &atomic<float, Op::kAdd> : &atomic<Flushed, Op::kAdd>;
    case Type::kF64: return &atomic<double, Op::kAdd>;
    case Type::kF16: return &atomic<Narrow<Half>, Op::kAdd>;
    case Type::kBf16: return &atomic<Narrow<Bfloat>, Op::kAdd>;
    case Type::kF16x2: return &atomic<Pair<Half>, Op::kAdd>;
    case Type::kBf16x2: return &atomic<Pair<Bfloat>, Op::kAdd>;
    default: d.fail("'" + std::string(d.opcode()) + "' knows no such type");
  }
}

Handler take_operation(Decoder& d, bool shared, bool& compares) {
  const bool no_ftz = d.take(".noftz");
  const int operation =
      d.take_one_of({".add", ".min", ".max", ".and", ".or", ".xor", ".exch", ".cas", ".inc", ".dec"});
  const Type type = d.take_type();
  if (no_ftz != (ptx::is_float(type) && type != Type::kF32 && type != Type::kF64)) {
    d.fail("half precision needs .noftz, and nothing else has it");
  }
  compares = operation == static_cast<int>(Op::kCas);
  switch (operation) {
    case 0:
      if (ptx::is_float(type)) return float_add_handler(d, type, shared);
      return integer_handler_for<Op::kAdd>(d, type);
    case 1: return integer_handler_for<Op::kMin>(d, type);
    case 2: return integer_handler_for<Op::kMax>(d, type);
    case 3: return integer_handler_for<Op::kAnd>(d, type);
    case 4: return integer_handler_for<Op::kOr>(d, type);
    case 5: return integer_handler_for<Op::kXor>(d, type);
    case 6: return integer_handler_for<Op::kExch>(d, type);
    case 7: return integer_handler_for<Op::kCas>(d, type);
    case 8: return integer_handler_for<Op::kInc>(d, type);
    case 9: return integer_handler_for<Op::kDec>(d, type);
    default: d.fail("'" + std::string(d.opcode()) + "' lacks an operation");
  }
}

uint32_t unchanged(uint32_t value) { return value; }

// atom and red of a vector are as many atomics, side by side; nothing makes them one.
void emit_vector(Decoder& d, Handler handler, Type type, Type bits, int lanes, Slot base, uint64_t offset, AddressKind kind,
                 bool returns) {
  const Operand& values = d.operand(returns ? 2 : 1);
  const bool matches = values.parts.size() == static_cast<size_t>(lanes) &&
                       (!returns || d.operand(0).parts.size() == static_cast<size_t>(lanes));
  if (!ptx::is_float(type) || ptx::bytes_of(type) > 4 || !matches) {
    d.fail("'" + std::string(d.opcode()) + "' of a vector needs as many registers, of floats of up to 32 bits");
  }
  Slot b[4], old[4];
  for (int i = 0; i < lanes; i++) {
    b[i] = d.read(values.parts[static_cast<size_t>(i)], bits);
    old[i] = d.scratch(bits, static_cast<uint32_t>(i));  // a result may be one of the values
    Instr& instr = d.emit(handler, old[i], base, b[i], b[i]);
    instr.imm = offset + static_cast<uint64_t>(i * ptx::bytes_of(type));
    instr.kind = kind;
    instr.jump = d.remember_allocation();
  }
  for (int i = 0; returns && i < lanes; i++) {
    d.emit(&Lanewise<&unchanged>::run, d.write(d.operand(0).parts[static_cast<size_t>(i)], bits), old[i]);
  }
}

void decode_atomic(Decoder& d, bool returns) {
  if (!returns && d.take(".async")) return decode_async_reduction(d);
  const size_t at = returns ? 1 : 0;
  const Operand& address = d.operand(at);
  if (address.kind != Operand::Kind::kAddress) d.fail("'" + std::string(d.opcode()) + "' needs an address in brackets");
  d.take_one_of({".relaxed", ".acquire", ".release", ".acq_rel"});
  d.take_one_of({".cta", ".cluster", ".gpu", ".sys"});
  const AddressKind kind = take_address_kind(d, address);
  const bool hint = d.take(".L2::cache_hint");
  const int lanes = d.take(".v2") ? 2 : d.take(".v4") ? 4 : 1;
  Type type = Type::kNone;
  for (std::string_view modifier : d.instruction().modifiers) {
    if (ptx::type_from(modifier) != Type::kNone) type = ptx::type_from(modifier);
  }
  bool compares = false;
  const bool shared = kind == AddressKind::kShared32 || kind == AddressKind::kShared64 ||
                      kind == AddressKind::kCluster32 || kind == AddressKind::kCluster64;
  const Handler handler = take_operation(d, shared, compares);
  d.expect_operands(at + (compares ? 3 : 2) + (hint ? 1 : 0));
  uint64_t offset = 0;
  const Slot base = address_slot(d, address, kind, offset);
  constexpr Type kBits[] = {Type::kB16, Type::kB32, Type::kB64, Type::kB128};
  const Type bits = kBits[__builtin_ctz(static_cast<unsigned>(ptx::bytes_of(type))) - 1];
  if (lanes > 1) return emit_vector(d, handler, type, bits, lanes, base, offset, kind, returns);
  const Slot dst = returns ? d.write(0, bits) : d.scratch(bits);
  const Slot b = d.read(at + 1, bits), c = compares ? d.read(at + 2, bits) : b;
  Instr& instr = d.emit(handler, dst, base, b, c);
  instr.imm = offset;
  instr.kind = kind;
  instr.jump = d.remember_allocation();
}

void decode_atom(Decoder& d) { decode_atomic(d, true); }
void decode_red(Decoder& d) { decode_atomic(d, false); }

template <class T, Op kOp>
void reduce(std::byte* memory, const std::byte* value) {
  T operand;
  std::memcpy(&operand, value, sizeof operand);
  apply<T, kOp>(memory, operand, T{});
}

// min and max of half precision, which only bulk reductions have. A NaN gives way to a number.
template <class F, bool kMax>
void reduce_half(std::byte* memory, const std::byte* value) {
  uint16_t* word = reinterpret_cast<uint16_t*>(memory);
  uint16_t operand, old = __atomic_load_n(word, __ATOMIC_SEQ_CST), result;
  std::memcpy(&operand, value, sizeof operand);
  do {
    const float a = F::widen(old), b = F::widen(operand);
    const bool first = a != b ? (kMax ? a > b : a < b) || b != b : (old >> 15 != 0) != kMax;
    result = a != a && b != b ? uint16_t{0x7fff} : a != a ? operand : first ? old : operand;
  } while (!__atomic_compare_exchange_n(word, &old, result, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
}

template <Op kOp>
Reducer integer_reducer(Type type) {
  switch (type) {
    case Type::kU32:
    case Type::kB32: return &reduce<uint32_t, kOp>;
    case Type::kU64:
    case Type::kB64: return &reduce<uint64_t, kOp>;
    case Type::kS32: return &reduce<int32_t, kOp>;
    case Type::kS64: return &reduce<int64_t, kOp>;
    default: return nullptr;
  }
}

Reducer float_reducer(int operation, Type type, bool shared) {
  if (shared || operation > 2) return nullptr;
  switch (type) {
    case Type::kF32: return operation == 0 ? &reduce<Flushed, Op::kAdd> : nullptr;
    case Type::kF64: return operation == 0 ? &reduce<double, Op::kAdd> : nullptr;
    case Type::kF16:
      return operation == 0   ? &reduce<Narrow<Half>, Op::kAdd>
             : operation == 1 ? &reduce_half<Half, false>
                              : &reduce_half<Half, true>;
    case Type::kBf16:
      return operation == 0   ? &reduce<Narrow<Bfloat>, Op::kAdd>
             : operation == 1 ? &reduce_half<Bfloat, false>
                              : &reduce_half<Bfloat, true>;
    default: return nullptr;
  }
}

}  // namespace

Reducer take_reducer(Decoder& d, bool shared, Type& type) {
  d.ignore({".noftz"});
  const int operation = d.take_one_of({".add", ".min", ".max", ".and", ".or", ".xor", ".inc", ".dec"});
  type = d.take_type();
  Reducer reducer = nullptr;
  if (ptx::is_float(type)) reducer = float_reducer(operation, type, shared);
  else switch (operation) {
    case 0: reducer = integer_reducer<Op::kAdd>(type); break;
    case 1: reducer = integer_reducer<Op::kMin>(type); break;
    case 2: reducer = integer_reducer<Op::kMax>(type); break;
    case 3: reducer = integer_reducer<Op::kAnd>(type); break;
    case 4: reducer = integer_reducer<Op::kOr>(type); break;
    case 5: reducer = integer_reducer<Op::kXor>(type); break;
    case 6: reducer = type == Type::kU32 ? integer_reducer<Op::kInc>(type) : nullptr; break;
    case 7: reducer = type == Type::kU32 ? integer_reducer<Op::kDec>(type) : nullptr; break;
    default: break;
  }
  if (reducer == nullptr) d.fail("no such asynchronous reduction");
  return reducer;
}

const OpcodeTable kAtomicOpcodes = {{"atom", decode_atom}, {"red", decode_red}};

}  // namespace talweg::exec
