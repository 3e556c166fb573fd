// Fragment layouts (PTX ISA, "Matrix Fragments for mma").
#include "matrix_ops.hpp"

#include <algorithm>

namespace talweg::exec {

MatrixPlace place_of(Fragment fragment, const MatrixShape& shape, int per_register, int lane, int element) {
  const int group = lane / 4, thread = lane % 4;
  const int within = element % per_register;
  int index = element / per_register;
  const int row_pair = std::min(shape.m / 8, 2);
  const int chunks = fragment == Fragment::kC ? 0 : std::max(shape.k / (4 * per_register), 1);
  switch (fragment) {
    case Fragment::kA: {
      index %= chunks * shape.m / 8;
      const int row = group + index % row_pair * 8 + index / (row_pair * chunks) * 16;
      return {row, per_register * (thread + index / row_pair % chunks * 4) + within};
    }
    case Fragment::kB: {
      index %= chunks * shape.n / 8;
      return {per_register * (thread + index % chunks * 4) + within, group + index / chunks * 8};
    }
    default: {
      const int tiles = shape.n / 8;
      const int row = group + index % row_pair * 8 + index / (row_pair * tiles) * 16;
      return {row, 2 * thread + within + index / row_pair % tiles * 8};
    }
  }
}

MatrixPlace place_in_quad(Fragment fragment, bool row_major, bool single_accumulator, int lane, int element) {
  const int upper = lane < 16 ? 0 : 4;
  switch (fragment) {
    case Fragment::kA:
      if (row_major) return {lane % 4 + upper, element};
      return {element + upper, lane % 4};
    case Fragment::kB:
      if (row_major) return {lane % 4, element + upper};
      return {element, lane % 4 + upper};
    default:
      if (!single_accumulator) return {lane % 4 + upper, element};
      return {(lane & 1) + (element & 2) + upper, (element & 4) + (lane & 2) + (element & 1)};
  }
}

}  // namespace talweg::exec
