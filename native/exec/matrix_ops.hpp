// Matrix products of a warp: which lane holds which element, and how the products are summed.
#pragma once

#include <vector>

#include "decode.hpp"

namespace talweg::exec {

enum class Fragment : uint8_t { kA, kB, kC };

struct MatrixShape {
  int m = 0, n = 0, k = 0;
};

struct MatrixPlace {
  int row, column;
};

// Where an element of a fragment belongs. `per_register` elements share a 32-bit register (in C of 32 bits and more,
// two neighbours count as such a pair). The layouts are those of mma in the manual; fragments of wmma, which the
// manual leaves open, are tiles of them, and where a fragment has more elements than the matrix they repeat.
MatrixPlace place_of(Fragment fragment, const MatrixShape& shape, int per_register, int lane, int element);

// mma.m8n8k4 of half precision, which is four products, each of its own eight lanes.
MatrixPlace place_in_quad(Fragment fragment, bool row_major, bool single_accumulator, int lane, int element);

// Where each element goes, in the order registers, lanes, elements of a register: row * kPitch + column.
struct MatrixLayout {
  static constexpr int kPitch = 64;
  std::vector<uint16_t> a, b, c, d;
};

struct MatrixProduct {
  MatrixShape shape;
  ptx::Type a_type = Type::kNone, b_type = Type::kNone, c_type = Type::kNone, d_type = Type::kNone;
  bool quad = false, a_row = true, b_row = false;  // of m8n8k4
  bool saturate = false;
  bool bitwise_and = true;  // of .b1: .and.popc or .xor.popc
  std::vector<Slot> d, a, b, c;
  std::shared_ptr<const MatrixLayout> layout;
};

void decode_mma(Decoder& decoder);
// Emits the product of the operands d, a, b, c behind the fields that describe it. Checks the number of registers.
void emit_product(Decoder& decoder, MatrixProduct product);
bool take_shape(Decoder& decoder, MatrixShape& shape);  // .m16n8k16
int bits_of_element(ptx::Type type);

}  // namespace talweg::exec
