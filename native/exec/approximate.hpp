// How far approximate instructions may be off, and by how much they are on purpose.
#pragma once

#include "block.hpp"

namespace talweg::exec {

// 0: best effort. Else results are moved by errors within the documented bounds, drawn from this seed.
inline uint64_t approximation_seed(const Warp& warp) { return warp.block->launch().approximation_seed; }

// An error in (-bound, bound), the same for the same operand whatever thread computes it and in whatever order.
inline double error_of(uint64_t seed, uint64_t operand, double bound) {
  uint64_t mixed = operand * 0x9e3779b97f4a7c15ull ^ seed * 0xbf58476d1ce4e5b9ull;
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ull;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebull;
  return (static_cast<double>((mixed ^ mixed >> 31) >> 11) * 0x1p-52 - 1.0) * bound;
}

}  // namespace talweg::exec
