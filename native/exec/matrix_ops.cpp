// mma.sync and wmma.mma (PTX ISA, "Warp Level Matrix Instructions").
//
// In what order tensor cores add is not documented. Exact: the products and the accumulator are summed exactly but for
// astronomically small terms, and rounded once. Truncating: as measured on such hardware (Fasi, Higham, Mikaitis and
// Pranesh 2021), products are added in blocks, aligned to the largest one and cut off below its last place but one.
#include "matrix_ops.hpp"

#include <algorithm>
#include <cmath>

#include "aligned.hpp"
#include "small_float.hpp"

namespace talweg::exec {

int bits_of_element(Type type) {
  switch (type) {
    case Type::kB1: return 1;
    case Type::kU4: case Type::kS4: return 4;
    case Type::kTf32: return 32;
    default: return 8 * ptx::bytes_of(type);
  }
}

namespace {

constexpr int kMaxM = 32, kPitch = MatrixLayout::kPitch, kMaxK = kPitch;

const MatrixProduct& product_of(Warp& warp, const Instr& in) {
  return *warp.block->launch().program.matrix_products[in.imm];
}

int per_register(Fragment fragment, Type type) {
  return fragment == Fragment::kC ? 2 : std::max(32 / bits_of_element(type), 1);
}

// Visits (index, bits) of the elements of a fragment; those that repeat are visited again.
template <class Visit>
void for_each_element(Warp& warp, const MatrixProduct& p, Type type, const std::vector<Slot>& slots,
                      const std::vector<uint16_t>& places, int quad, Visit visit) {
  const int bits = bits_of_element(type), held = std::max(32 / bits, 1);
  const uint32_t mask = bits >= 32 ? 0xffffffffu : (1u << bits) - 1;
  const uint16_t* place = places.data();
  for (const Slot s : slots) {
    const uint32_t* words = slot<uint32_t>(warp, s);
    const uint64_t* wides = slot<uint64_t>(warp, s);
    for (int lane = 0; lane < kLanes; lane++, place += held) {
      if (p.quad && lane / 4 % 4 != quad) continue;
      if (bits == 64) {
        visit(*place, wides[lane]);
        continue;
      }
      for (int j = 0; j < held; j++) visit(place[j], words[lane] >> (bits * j) & mask);
    }
  }
}

// Results to registers; `value` gives the bits of an element.
template <class Value>
void write_result(Warp& warp, const MatrixProduct& p, int quad, Value value) {
  const int bits = bits_of_element(p.d_type), held = std::max(32 / bits, 1);
  const uint16_t* place = p.layout->d.data();
  for (const Slot s : p.d) {
    uint32_t* words = slot<uint32_t>(warp, s);
    uint64_t* wides = slot<uint64_t>(warp, s);
    for (int lane = 0; lane < kLanes; lane++, place += held) {
      if (p.quad && lane / 4 % 4 != quad) continue;
      if (bits == 64) {
        wides[lane] = value(*place);
        continue;
      }
      uint32_t word = 0;
      for (int j = 0; j < held; j++) word |= static_cast<uint32_t>(value(place[j])) << (bits * j);
      words[lane] = word;
    }
  }
}

std::vector<uint16_t> places(const MatrixProduct& p, Fragment fragment, Type type, size_t registers) {
  const int bits = bits_of_element(type), held = std::max(32 / bits, 1);
  // Single bits are multiplied a word at a time.
  const bool words = bits == 1;
  const MatrixShape shape{p.shape.m, p.shape.n, p.a_type == Type::kB1 ? p.shape.k / 32 : p.shape.k};
  std::vector<uint16_t> result;
  for (int r = 0; r < static_cast<int>(registers); r++) {
    for (int lane = 0; lane < kLanes; lane++) {
      for (int j = 0; j < (words ? 1 : held); j++) {
        const int element = words ? r : r * held + j;
        const MatrixPlace at =
            p.quad ? place_in_quad(fragment, fragment == Fragment::kA ? p.a_row : p.b_row, bits == 32, lane, element)
                   : place_of(fragment, shape, words ? 1 : per_register(fragment, type), lane, element);
        result.push_back(static_cast<uint16_t>(at.row * MatrixLayout::kPitch + at.column));
      }
    }
  }
  return result;
}

// Layouts are shared by all products of the same kind.
std::shared_ptr<const MatrixLayout> layout_of(const Program& program, const MatrixProduct& p) {
  for (const auto& other : program.matrix_products) {
    if (other->shape.m == p.shape.m && other->shape.n == p.shape.n && other->shape.k == p.shape.k &&
        other->a_type == p.a_type && other->b_type == p.b_type && other->c_type == p.c_type &&
        other->d_type == p.d_type && other->a_row == p.a_row && other->b_row == p.b_row &&
        other->a.size() == p.a.size() && other->b.size() == p.b.size()) {
      return other->layout;
    }
  }
  auto layout = std::make_shared<MatrixLayout>();
  layout->a = places(p, Fragment::kA, p.a_type, p.a.size());
  layout->b = places(p, Fragment::kB, p.b_type, p.b.size());
  layout->c = places(p, Fragment::kC, p.c_type, p.c.size());
  layout->d = places(p, Fragment::kC, p.d_type, p.d.size());
  return layout;
}

double float_value(Type type, uint64_t bits) {
  switch (type) {
    case Type::kF16: return static_cast<double>(Half::widen(static_cast<uint16_t>(bits)));
    case Type::kBf16: return static_cast<double>(Bfloat::widen(static_cast<uint16_t>(bits)));
    case Type::kTf32: return static_cast<double>(bit_cast<float>(static_cast<uint32_t>(bits) & 0xffffe000u));
    case Type::kE4m3: return decode_float(static_cast<uint32_t>(bits), kE4m3);
    case Type::kE5m2: return decode_float(static_cast<uint32_t>(bits), kE5m2);
    case Type::kF32: return static_cast<double>(bit_cast<float>(static_cast<uint32_t>(bits)));
    default: return bit_cast<double>(bits);
  }
}

uint64_t rounded_result(Type type, double value, double error) {
  const double sum = value + error;
  const double exact = round_to_odd(sum, error - (sum - value));
  const double finite = value - value == 0 ? exact : value;
  if (type == Type::kF16) return Half::narrow(finite);
  return bit_cast<uint32_t>(canonical(static_cast<float>(finite)));
}

// A and C by rows, B by rows of k.
struct Matrices {
  alignas(32) double a[kMaxM * kPitch], b[kMaxK * kPitch], c[kMaxM * kPitch];
};

// Sums with the error of every addition kept (Ogita, Rump and Oishi 2005).
void multiply_exactly(Matrices& x, const MatrixShape& s, Type to, uint64_t* results) {
  for (int i = 0; i < s.m; i++) {
    alignas(32) double sum[kPitch], error[kPitch];
    for (int j = 0; j < s.n; j++) {
      sum[j] = x.c[i * kPitch + j];
      error[j] = 0;
    }
    for (int k = 0; k < s.k; k++) {
      const double a = x.a[i * kPitch + k];
      const double* b = x.b + k * kPitch;
      for (int j = 0; j < s.n; j++) {
        const double p = a * b[j], t = sum[j] + p, part = t - sum[j];
        error[j] += (sum[j] - (t - part)) + (p - part);
        sum[j] = t;
      }
    }
    for (int j = 0; j < s.n; j++) results[i * kPitch + j] = rounded_result(to, sum[j], error[j]);
  }
}

double truncate_to_single(double value) {
  const double cut = bit_cast<double>(bit_cast<uint64_t>(value) & ~((uint64_t{1} << 29) - 1));
  return value - value == 0 ? cut : value;
}

double add_block(double accumulator, const double* products, const int* exponents, int count) {
  double plain = accumulator;
  int largest = accumulator == 0 ? -10000 : std::ilogb(accumulator);
  for (int i = 0; i < count; i++) {
    plain += products[i];
    if (products[i] != 0) largest = std::max(largest, exponents[i]);
  }
  if (plain - plain != 0 || largest == -10000) return plain;
  const int unit = largest - 24;
  double sum = std::trunc(std::ldexp(accumulator, -unit));  // below 2^28: exact in double
  for (int i = 0; i < count; i++) sum += std::trunc(std::ldexp(products[i], -unit));
  return truncate_to_single(std::ldexp(sum, unit));
}

void multiply_truncating(Matrices& x, const MatrixShape& s, Type from, Type to, uint64_t* results) {
  const int block = from == Type::kTf32 ? 4 : from == Type::kF16 || from == Type::kBf16 ? 8 : 16;
  for (int i = 0; i < s.m; i++) {
    for (int j = 0; j < s.n; j++) {
      double sum = x.c[i * kPitch + j];
      for (int k = 0; k < s.k; k += block) {
        double products[16];
        int exponents[16];
        const int count = std::min(block, s.k - k);
        for (int t = 0; t < count; t++) {
          const double a = x.a[i * kPitch + k + t], b = x.b[(k + t) * kPitch + j];
          products[t] = a * b;
          exponents[t] = products[t] == 0 || products[t] - products[t] != 0 ? 0 : std::ilogb(a) + std::ilogb(b);
        }
        sum = add_block(sum, products, exponents, count);
      }
      results[i * kPitch + j] = rounded_result(to, sum, 0);
    }
  }
}

void multiply_double(Matrices& x, const MatrixShape& s, uint64_t* results) {
  for (int i = 0; i < s.m; i++) {
    for (int j = 0; j < s.n; j++) {
      double sum = x.c[i * kPitch + j];
      for (int k = 0; k < s.k; k++) sum = __builtin_fma(x.a[i * kPitch + k], x.b[k * kPitch + j], sum);
      results[i * kPitch + j] = bit_cast<uint64_t>(sum);
    }
  }
}

const Instr* multiply_floats(Warp& warp, const Instr& in) {
  const MatrixProduct& p = product_of(warp, in);
  Matrices x;
  uint64_t results[kMaxM * kPitch];
  for (int quad = 0; quad < (p.quad ? 4 : 1); quad++) {
    for_each_element(warp, p, p.a_type, p.a, p.layout->a, quad,
                     [&](int at, uint64_t bits) { x.a[at] = float_value(p.a_type, bits); });
    for_each_element(warp, p, p.b_type, p.b, p.layout->b, quad,
                     [&](int at, uint64_t bits) { x.b[at] = float_value(p.b_type, bits); });
    for_each_element(warp, p, p.c_type, p.c, p.layout->c, quad,
                     [&](int at, uint64_t bits) { x.c[at] = float_value(p.c_type, bits); });
    if (p.d_type == Type::kF64) multiply_double(x, p.shape, results);
    else if (warp.block->launch().truncating_mma) multiply_truncating(x, p.shape, p.a_type, p.d_type, results);
    else multiply_exactly(x, p.shape, p.d_type, results);
    write_result(warp, p, quad, [&](int at) { return results[at]; });
  }
  return &in + 1;
}

int32_t integer_value(Type type, uint64_t bits) {
  switch (type) {
    case Type::kS8: return static_cast<int8_t>(bits);
    case Type::kS4: return static_cast<int32_t>(static_cast<uint32_t>(bits) << 28) >> 28;
    default: return static_cast<int32_t>(bits);
  }
}

const Instr* multiply_integers(Warp& warp, const Instr& in) {
  const MatrixProduct& p = product_of(warp, in);
  const MatrixShape& s = p.shape;
  int32_t a[kMaxM * kPitch], b[kMaxK * kPitch];
  int64_t c[kMaxM * kPitch];
  for_each_element(warp, p, p.a_type, p.a, p.layout->a, 0,
                   [&](int at, uint64_t bits) { a[at] = integer_value(p.a_type, bits); });
  for_each_element(warp, p, p.b_type, p.b, p.layout->b, 0,
                   [&](int at, uint64_t bits) { b[at] = integer_value(p.b_type, bits); });
  for_each_element(warp, p, p.c_type, p.c, p.layout->c, 0,
                   [&](int at, uint64_t bits) { c[at] = static_cast<int32_t>(bits); });
  for (int i = 0; i < s.m; i++) {
    int32_t sums[kPitch];
    std::fill_n(sums, s.n, 0);
    for (int k = 0; k < s.k; k++) {
      for (int j = 0; j < s.n; j++) sums[j] += a[i * kPitch + k] * b[k * kPitch + j];
    }
    for (int j = 0; j < s.n; j++) c[i * kPitch + j] += sums[j];
  }
  write_result(warp, p, 0, [&](int at) {
    const int64_t sum = c[at];
    const int64_t low = std::numeric_limits<int32_t>::min(), high = std::numeric_limits<int32_t>::max();
    return uint64_t{static_cast<uint32_t>(p.saturate ? std::clamp(sum, low, high) : sum)};
  });
  return &in + 1;
}

// Single bits, 32 to a word: rows of A and columns of B are words.
const Instr* multiply_bits(Warp& warp, const Instr& in) {
  const MatrixProduct& p = product_of(warp, in);
  uint32_t a[kMaxM * kPitch], b[8 * kPitch], c[kMaxM * kPitch];
  const auto gather = [&](const std::vector<Slot>& slots, const std::vector<uint16_t>& places, uint32_t* matrix) {
    const uint16_t* place = places.data();
    for (const Slot s : slots) {
      const uint32_t* lanes = slot<uint32_t>(warp, s);
      for (int lane = 0; lane < kLanes; lane++) matrix[*place++] = lanes[lane];
    }
  };
  gather(p.a, p.layout->a, a);
  gather(p.b, p.layout->b, b);
  gather(p.c, p.layout->c, c);
  for (int i = 0; i < p.shape.m; i++) {
    for (int j = 0; j < p.shape.n; j++) {
      for (int k = 0; k < p.shape.k / 32; k++) {
        const uint32_t both = p.bitwise_and ? a[i * kPitch + k] & b[k * kPitch + j] : a[i * kPitch + k] ^ b[k * kPitch + j];
        c[i * kPitch + j] += static_cast<uint32_t>(__builtin_popcount(both));
      }
    }
  }
  write_result(warp, p, 0, [&](int at) { return uint64_t{c[at]}; });
  return &in + 1;
}

bool is_integer(Type type) {
  return type == Type::kU8 || type == Type::kS8 || type == Type::kU4 || type == Type::kS4;
}

// The registers of an operand, whose number must be one of two.
std::vector<Slot> registers(Decoder& d, size_t operand, Type type, bool writes, size_t expected, size_t or_expected) {
  const Operand& given = d.operand(operand);
  const std::vector<Operand> parts = given.kind == Operand::Kind::kVector ? given.parts : std::vector<Operand>{given};
  if (parts.size() != expected && parts.size() != or_expected) {
    d.fail("operand " + std::to_string(operand) + " of '" + std::string(d.opcode()) + "' needs " +
           std::to_string(expected) + " registers, not " + std::to_string(parts.size()));
  }
  const Type word = bits_of_element(type) == 64 ? Type::kB64 : Type::kB32;
  std::vector<Slot> slots;
  for (const Operand& part : parts) slots.push_back(writes ? d.write(part, word) : d.read(part, word));
  return slots;
}

}  // namespace

bool take_shape(Decoder& d, MatrixShape& shape) {
  for (std::string_view modifier : d.instruction().modifiers) {
    MatrixShape read;
    int length = 0;
    const std::string text(modifier);
    if (std::sscanf(text.c_str(), ".m%3dn%3dk%3d%n", &read.m, &read.n, &read.k, &length) == 3 &&
        length == static_cast<int>(text.size()) && d.take(modifier)) {
      shape = read;
      return true;
    }
  }
  return false;
}

void emit_product(Decoder& d, MatrixProduct p) {
  d.expect_operands(4);
  const MatrixShape& s = p.shape;
  const auto count = [](int elements, Type type) {
    return static_cast<size_t>(std::max(elements * bits_of_element(type) / (bits_of_element(type) == 64 ? 64 : 32) / 32, 1));
  };
  const size_t c = p.quad ? (p.c_type == Type::kF32 ? 8 : 4) : count(s.m * s.n, p.c_type);
  const size_t e = p.quad ? (p.d_type == Type::kF32 ? 8 : 4) : count(s.m * s.n, p.d_type);
  const size_t a = p.quad ? 2 : count(s.m * s.k, p.a_type), b = p.quad ? 2 : count(s.k * s.n, p.b_type);
  const bool wmma = d.opcode() == "wmma";
  p.d = registers(d, 0, p.d_type, true, e, e);
  p.a = registers(d, 1, p.a_type, false, a, wmma && p.a_type == Type::kF16 ? 8 : a);
  p.b = registers(d, 2, p.b_type, false, b, wmma && p.b_type == Type::kF16 ? 8 : b);
  p.c = registers(d, 3, p.c_type, false, c, c);
  p.layout = layout_of(d.program(), p);
  const Handler handler = p.a_type == Type::kB1   ? &aligned<&multiply_bits>
                          : is_integer(p.a_type) ? &aligned<&multiply_integers>
                                                 : &aligned<&multiply_floats>;
  d.emit(handler).imm = d.program().matrix_products.size();
  d.program().matrix_products.push_back(std::make_shared<MatrixProduct>(std::move(p)));
}

namespace {

bool is_known(const MatrixProduct& p) {
  const MatrixShape& s = p.shape;
  const bool wide = s.m == 16 && s.n == 8, square = s.m == 8 && s.n == 8;
  const bool halves = p.c_type == Type::kF16 || p.c_type == Type::kF32, to_halves = p.d_type == Type::kF16 || p.d_type == Type::kF32;
  switch (p.a_type) {
    case Type::kF16:
      if (p.b_type != Type::kF16 || !halves || !to_halves) return false;
      return square ? s.k == 4 : wide && p.c_type == p.d_type && (s.k == 8 || s.k == 16);
    case Type::kBf16: return p.b_type == p.a_type && p.c_type == Type::kF32 && p.d_type == Type::kF32 && wide && (s.k == 8 || s.k == 16);
    case Type::kTf32: return p.b_type == p.a_type && p.c_type == Type::kF32 && p.d_type == Type::kF32 && wide && (s.k == 4 || s.k == 8);
    case Type::kE4m3:
    case Type::kE5m2:
      return (p.b_type == Type::kE4m3 || p.b_type == Type::kE5m2) && halves && p.c_type == p.d_type && wide && (s.k == 16 || s.k == 32);
    case Type::kF64:
      return p.b_type == p.a_type && p.c_type == p.a_type && p.d_type == p.a_type &&
             ((square && s.k == 4) || (wide && (s.k == 4 || s.k == 8 || s.k == 16)));
    case Type::kU8:
    case Type::kS8:
      return (p.b_type == Type::kU8 || p.b_type == Type::kS8) && p.c_type == Type::kS32 && p.d_type == Type::kS32 &&
             ((square && s.k == 16) || (wide && (s.k == 16 || s.k == 32)));
    case Type::kU4:
    case Type::kS4:
      return (p.b_type == Type::kU4 || p.b_type == Type::kS4) && p.c_type == Type::kS32 && p.d_type == Type::kS32 &&
             ((square && s.k == 32) || (wide && (s.k == 32 || s.k == 64)));
    case Type::kB1:
      return p.b_type == p.a_type && p.c_type == Type::kS32 && p.d_type == Type::kS32 &&
             ((square && s.k == 128) || (wide && (s.k == 128 || s.k == 256)));
    default: return false;
  }
}

}  // namespace

// mma.sync.aligned.shape.alayout.blayout[.satfinite].dtype.atype.btype.ctype[.bitop] d, a, b, c
void decode_mma(Decoder& d) {
  if (!d.take(".sync") || !d.take(".aligned")) d.fail("'mma' needs .sync.aligned");
  MatrixProduct p;
  if (!take_shape(d, p.shape)) d.fail("'mma' needs a shape");
  const int a_layout = d.take_first_of({".row", ".col"}), b_layout = d.take_first_of({".row", ".col"});
  if (a_layout < 0 || b_layout < 0) d.fail("'mma' needs two layouts");
  p.saturate = d.take(".satfinite");
  d.take(".rn");
  p.d_type = d.take_any_type();
  p.a_type = d.take_any_type();
  p.b_type = d.take_any_type();
  p.c_type = d.take_any_type();
  if (p.a_type == Type::kB1) {
    if (d.take(".xor")) p.bitwise_and = false;
    else if (!d.take(".and")) d.fail("'mma' of .b1 needs .xor.popc or .and.popc");
    if (!d.take(".popc")) d.fail("'mma' of .b1 needs .popc");
  }
  p.quad = p.a_type == Type::kF16 && p.shape.m == 8;
  p.a_row = a_layout == 0;
  p.b_row = b_layout == 0;
  if (!is_known(p)) d.fail("'mma' knows no such shape of these types");
  if (!p.quad && (!p.a_row || p.b_row)) d.fail("'mma' of this shape is .row.col");
  if (p.saturate && !is_integer(p.a_type)) d.fail("only integers saturate");
  emit_product(d, std::move(p));
}

}  // namespace talweg::exec
