// ldmatrix, stmatrix, movmatrix and the loads and stores of wmma: addresses are worked out by an instruction of their
// own into a scratch register, and an ordinary ld or st, checked like any other, follows.
#include "aligned.hpp"
#include "matrix_ops.hpp"
#include "memory_ops.hpp"

namespace talweg::exec {
namespace {

Type word_of(AddressKind kind) { return kind == AddressKind::kShared32 ? Type::kB32 : Type::kB64; }

template <class W>
W same(W a) { return a; }

// Where the base address may be among the destinations, a copy of it.
Slot keep(Decoder& d, AddressKind kind, Slot base) {
  const Slot copy = d.scratch(word_of(kind), 2);
  d.emit(kind == AddressKind::kShared32 ? &Lanewise<&same<uint32_t>>::run : &Lanewise<&same<uint64_t>>::run, copy, base);
  return copy;
}

// The address of row `row` of an 8x8 matrix is what lane 8 * matrix + row gave. W: width of address registers;
// imm: offset, flags: the matrix. Each lane gets the address of its row's share: four bytes, or with kTransposed the
// two bytes of its column in the row that `in.jump` picks.
template <class W, bool kTransposed>
const Instr* row_address(Warp& warp, const Instr& in) {
  const W* a = slot<W>(warp, in.a);
  W* d = slot<W>(warp, in.dst);
  W rows[8];
  for (int row = 0; row < 8; row++) {
    rows[row] = a[8 * in.flags + row] + static_cast<W>(in.imm);
    if (rows[row] % 16 != 0) {
      return warp.block->fault(warp, in, 8 * in.flags + row, Status::kMisalignedAddress,
                               "a row of a matrix must start at a multiple of 16 bytes");
    }
  }
  for (int lane = 0; lane < kLanes; lane++) {
    d[lane] = kTransposed ? rows[2 * (lane % 4) + in.jump] + static_cast<W>(lane / 4 * 2)
                          : rows[lane / 4] + static_cast<W>(lane % 4 * 4);
  }
  return &in + 1;
}

template <bool kTransposed>
Handler row_address_handler(AddressKind kind) {
  return kind == AddressKind::kShared32 ? &aligned<&row_address<uint32_t, kTransposed>>
                                        : &aligned<&row_address<uint64_t, kTransposed>>;
}

// Elements of kBits in a register, at bit imm. The first one inserted clears the register.
template <int kBits>
const Instr* insert(Warp& warp, const Instr& in) {
  constexpr uint32_t kMask = (1u << kBits) - 1;
  const uint32_t* a = slot<uint32_t>(warp, in.a);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) {
    const uint32_t kept = in.imm == 0 ? 0 : d[i] & ((1u << in.imm) - 1);
    d[i] = kept | (a[i] & kMask) << in.imm;
  });
  return &in + 1;
}

template <int kBits>
const Instr* extract(Warp& warp, const Instr& in) {
  const uint32_t* a = slot<uint32_t>(warp, in.a);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) { d[i] = a[i] >> in.imm & ((1u << kBits) - 1); });
  return &in + 1;
}

// ldmatrix.sync.aligned.m8n8.xN[.trans].shared.b16 {d...}, [address]; stmatrix the other way round
void decode_matrix_access(Decoder& d, bool is_load) {
  if (!d.take(".sync") || !d.take(".aligned") || !d.take(".m8n8")) {
    d.fail("'" + std::string(d.opcode()) + "' needs .sync.aligned.m8n8");
  }
  const int count = d.take_one_of({".x1", ".x2", ".x4"});
  if (count < 0) d.fail("'" + std::string(d.opcode()) + "' needs .x1, .x2 or .x4");
  const bool transposed = d.take(".trans");
  d.expect_operands(2);
  const Operand& address = d.operand(is_load ? 1 : 0);
  const Operand& value = d.operand(is_load ? 0 : 1);
  if (address.kind != Operand::Kind::kAddress) d.fail("'" + std::string(d.opcode()) + "' needs an address in brackets");
  const AddressKind kind = take_address_kind(d, address);
  if (kind != AddressKind::kShared32 && kind != AddressKind::kShared64 && kind != AddressKind::kGeneric) {
    d.fail("'" + std::string(d.opcode()) + "' works on shared memory");
  }
  if (d.take_any_type() != Type::kB16) d.fail("'" + std::string(d.opcode()) + "' moves .b16");
  const std::vector<Operand> parts = value.kind == Operand::Kind::kVector ? value.parts : std::vector<Operand>{value};
  if (parts.size() != size_t{1} << count) d.fail("one register for each matrix, please");
  uint64_t offset = 0;
  Slot base = address_slot(d, address, kind, offset);
  if (is_load) base = keep(d, kind, base);
  const Slot place = d.scratch(word_of(kind)), half = d.scratch(Type::kB32, 1);
  for (size_t i = 0; i < parts.size(); i++) {
    const Slot reg = is_load ? d.write(parts[i], Type::kB32) : d.read(parts[i], Type::kB32);
    for (int j = 0; j < (transposed ? 2 : 1); j++) {
      Instr& row = d.emit(transposed ? row_address_handler<true>(kind) : row_address_handler<false>(kind), place, base);
      row.imm = offset;
      row.flags = static_cast<uint8_t>(i);
      row.jump = j;
      if (!transposed) {
        emit_access(d, is_load, Type::kB32, kind, place, 0, reg);
      } else if (is_load) {
        emit_access(d, true, Type::kB16, kind, place, 0, half);
        d.emit(&insert<16>, reg, half).imm = static_cast<uint64_t>(16 * j);
      } else {
        d.emit(&extract<16>, half, reg).imm = static_cast<uint64_t>(16 * j);
        emit_access(d, false, Type::kB16, kind, place, 0, half);
      }
    }
  }
}

void decode_ldmatrix(Decoder& d) { decode_matrix_access(d, true); }
void decode_stmatrix(Decoder& d) { decode_matrix_access(d, false); }

const Instr* transpose(Warp& warp, const Instr& in) {
  uint32_t a[kLanes];
  std::memcpy(a, slot<uint32_t>(warp, in.a), sizeof a);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  for (int lane = 0; lane < kLanes; lane++) {
    const auto element = [&](int row, int column) { return a[4 * row + column / 2] >> (16 * (column % 2)) & 0xffff; };
    const int row = lane / 4, column = 2 * (lane % 4);
    d[lane] = element(column, row) | element(column + 1, row) << 16;
  }
  return &in + 1;
}

void decode_movmatrix(Decoder& d) {
  if (!d.take(".sync") || !d.take(".aligned") || !d.take(".m8n8") || !d.take(".trans") || !d.take(".b16")) {
    d.fail("'movmatrix' needs .sync.aligned.m8n8.trans.b16");
  }
  d.expect_operands(2);
  d.emit(&aligned<&transpose>, d.write(0, Type::kB32), d.read(1, Type::kB32));
}

// The address of an element of a wmma fragment: base + (major * stride + minor) * bytes, where major and minor are
// row and column or, column by column, the other way round. a: base, b: stride; imm: index into matrix_places.
template <class W>
const Instr* element_address(Warp& warp, const Instr& in) {
  const W* a = slot<W>(warp, in.a);
  const uint32_t* stride = slot<uint32_t>(warp, in.b);
  W* d = slot<W>(warp, in.dst);
  const ElementPlaces& places = *warp.block->launch().program.element_places[in.imm];
  for_each_lane(active_lanes(warp, in), [&](int i) {
    const auto& at = places.lanes[static_cast<size_t>(i)];
    d[i] = a[i] + static_cast<W>(places.offset +
                                 ((uint64_t{at.major} * stride[i] + at.minor) * static_cast<uint64_t>(places.bits)) / 8);
  });
  return &in + 1;
}

// wmma.load.a.sync.aligned.layout.shape[.space].type {d...}, [address][, stride]; wmma.store.d likewise
void decode_wmma_access(Decoder& d, bool is_load) {
  const int operand = is_load ? d.take_one_of({".a", ".b", ".c"}) : d.take(".d") ? 2 : -1;
  if (operand < 0 || !d.take(".sync") || !d.take(".aligned")) d.fail("'wmma' lacks a matrix, or .sync.aligned");
  const Fragment fragment = static_cast<Fragment>(operand);
  const int layout = d.take_one_of({".row", ".col"});
  MatrixShape shape;
  if (layout < 0 || !take_shape(d, shape)) d.fail("'wmma' needs a layout and a shape");
  const bool big = (shape.m == 16 && shape.n == 16) || (shape.m == 32 && shape.n == 8) || (shape.m == 8 && shape.n == 32);
  if (!(big && (shape.k == 16 || shape.k == 8)) && !(shape.m == 8 && shape.n == 8)) d.fail("'wmma' knows no such shape");
  d.expect_operands(2, 3);
  const Operand& address = d.operand(is_load ? 1 : 0);
  const Operand& value = d.operand(is_load ? 0 : 1);
  if (address.kind != Operand::Kind::kAddress) d.fail("'wmma' needs an address in brackets");
  const AddressKind kind = take_address_kind(d, address);
  const Type type = d.take_any_type();
  const int bits = bits_of_element(type);
  if (bits == 0) d.fail("'wmma' knows no such type");
  const int held = std::max(32 / bits, 1);
  const std::vector<Operand> parts = value.kind == Operand::Kind::kVector ? value.parts : std::vector<Operand>{value};
  const int rows = fragment == Fragment::kB ? shape.k : shape.m, columns = fragment == Fragment::kA ? shape.k : shape.n;
  const size_t needed = static_cast<size_t>(std::max(rows * columns / kLanes / held, 1));
  if (parts.size() != needed && !(parts.size() == 8 && type == Type::kF16 && fragment != Fragment::kC)) {
    d.fail("a fragment of this shape has " + std::to_string(needed) + " registers, not " + std::to_string(parts.size()));
  }
  uint64_t offset = 0;
  Slot base = address_slot(d, address, kind, offset);
  if (is_load) base = keep(d, kind, base);
  const Slot stride = d.operand_count() == 3
                          ? d.read(2, Type::kB32)
                          : d.constant(Type::kB32, static_cast<uint64_t>(layout == 0 ? columns : rows));
  // Elements of a register that are neighbours in memory are moved together.
  const bool along_k = fragment == Fragment::kA ? layout == 0 : fragment == Fragment::kB && layout == 1;
  const bool together = held > 1 && along_k;
  if (bits < 8 && !together) d.fail("'wmma' of less than eight bits is .row for a and .col for b");
  const int step = together ? held : 1;
  const Type moved = together ? Type::kB32 : bits == 8 ? Type::kB8 : bits == 16 ? Type::kB16 : bits == 64 ? Type::kB64 : Type::kB32;
  const Slot place = d.scratch(word_of(kind)), part = d.scratch(Type::kB32, 1);
  for (size_t r = 0; r < parts.size(); r++) {
    const Type word = bits == 64 ? Type::kB64 : Type::kB32;
    const Slot reg = is_load ? d.write(parts[r], word) : d.read(parts[r], word);
    for (int j = 0; j < held; j += step) {
      auto places = std::make_shared<ElementPlaces>();
      places->bits = bits;
      places->offset = offset;
      for (int lane = 0; lane < kLanes; lane++) {
        const int per = fragment == Fragment::kC ? 2 : held;
        const MatrixPlace at = place_of(fragment, shape, per, lane, static_cast<int>(r) * held + j);
        const uint16_t row = static_cast<uint16_t>(at.row), column = static_cast<uint16_t>(at.column);
        places->lanes[static_cast<size_t>(lane)] = layout == 0 ? ElementPlaces::At{row, column} : ElementPlaces::At{column, row};
      }
      d.emit(kind == AddressKind::kShared32 ? &element_address<uint32_t> : &element_address<uint64_t>, place, base, stride)
          .imm = d.program().element_places.size();
      d.program().element_places.push_back(std::move(places));
      if (step == held) {
        emit_access(d, is_load, moved, kind, place, 0, reg);
      } else if (is_load) {
        emit_access(d, true, moved, kind, place, 0, part);
        d.emit(bits == 16 ? &insert<16> : &insert<8>, reg, part).imm = static_cast<uint64_t>(bits * j);
      } else {
        d.emit(bits == 16 ? &extract<16> : &extract<8>, part, reg).imm = static_cast<uint64_t>(bits * j);
        emit_access(d, false, moved, kind, place, 0, part);
      }
    }
  }
}

// wmma.mma.sync.aligned.alayout.blayout.shape.dtype[.atype.btype].ctype[.satfinite] d, a, b, c
void decode_wmma_product(Decoder& d) {
  if (!d.take(".sync") || !d.take(".aligned")) d.fail("'wmma.mma' needs .sync.aligned");
  MatrixProduct p;
  const bool xors = d.take(".xor"), ands = d.take(".and");
  if ((xors || ands) && !d.take(".popc")) d.fail("'wmma.mma' of .b1 needs .popc");
  p.bitwise_and = !xors;
  if (d.take_first_of({".row", ".col"}) < 0 || d.take_first_of({".row", ".col"}) < 0 || !take_shape(d, p.shape)) {
    d.fail("'wmma.mma' needs two layouts and a shape");
  }
  p.d_type = d.take_any_type();
  const Type second = d.take_any_type();
  size_t types = 0;
  for (std::string_view modifier : d.instruction().modifiers) types += ptx::type_from(modifier) != Type::kNone;
  if (types == 2) {
    p.a_type = p.b_type = Type::kF16;
    p.c_type = second;
  } else {
    p.a_type = second;
    p.b_type = d.take_any_type();
    p.c_type = d.take_any_type();
  }
  p.saturate = d.take(".satfinite");
  d.take(".rn");
  const MatrixShape& s = p.shape;
  const bool big = (s.m == 16 && s.n == 16) || (s.m == 32 && s.n == 8) || (s.m == 8 && s.n == 32);
  const bool integers = p.a_type == Type::kU8 || p.a_type == Type::kS8 || p.a_type == Type::kU4 || p.a_type == Type::kS4 || p.a_type == Type::kB1;
  const bool halves = (p.c_type == Type::kF16 || p.c_type == Type::kF32) && (p.d_type == Type::kF16 || p.d_type == Type::kF32);
  const bool singles = p.c_type == Type::kF32 && p.d_type == Type::kF32, words = p.c_type == Type::kS32 && p.d_type == Type::kS32;
  const int k = p.a_type == Type::kTf32 ? 8 : p.a_type == Type::kF64 ? 4 : p.a_type == Type::kB1 ? 128
                : p.a_type == Type::kU4 || p.a_type == Type::kS4 ? 32 : 16;
  const bool eight = s.m == 8 && s.n == 8;
  const bool known = p.a_type == p.b_type && s.k == k &&
                     (p.a_type == Type::kF16                                  ? big && halves
                      : p.a_type == Type::kBf16                               ? big && singles
                      : p.a_type == Type::kTf32                               ? s.m == 16 && s.n == 16 && singles
                      : p.a_type == Type::kF64                                ? eight && p.c_type == Type::kF64 && p.d_type == Type::kF64
                      : p.a_type == Type::kU8 || p.a_type == Type::kS8        ? big && words
                                                                              : integers && eight && words);
  if (!known) d.fail("'wmma.mma' knows no such shape of these types");
  if (p.saturate && !integers) d.fail("only integers saturate");
  emit_product(d, std::move(p));
}

void decode_wmma(Decoder& d) {
  if (d.take(".load")) return decode_wmma_access(d, true);
  if (d.take(".store")) return decode_wmma_access(d, false);
  if (d.take(".mma")) return decode_wmma_product(d);
  d.fail("'wmma' is .load, .store or .mma");
}

}  // namespace

const OpcodeTable kMatrixOpcodes = {
    {"mma", decode_mma},           {"wmma", decode_wmma},           {"ldmatrix", decode_ldmatrix},
    {"stmatrix", decode_stmatrix}, {"movmatrix", decode_movmatrix},
};

}  // namespace talweg::exec
