// From the coordinates of one fetch to the elements that it blends, as the CUDA C++ Programming Guide's "Texture
// Fetching" has it. Nothing is read here.
#pragma once

#include "../memory/texture.hpp"

namespace talweg::exec {

// An element's part in the value; address 0 is the border.
struct Texel {
  uint64_t address;
  double weight;
};

struct Footprint {
  static constexpr int kMost = 16;  // two levels of a volume
  int count = 0;
  Texel texels[kMost];

  void add(uint64_t address, double weight) { texels[count++] = {address, weight}; }
};

// Coordinates in the order x, y, z; those of a cube are a direction.
struct Position {
  float at[3] = {};
  int32_t cell[3] = {};  // whole ones, if `whole`
  bool whole = false;
  uint32_t layer = 0;
};

// `level` is the level of detail, before bias and limits.
void sample(const Texture& texture, const Position& position, float level, Footprint& footprint);

// The four elements that linear filtering blends, from the lower left one counter-clockwise; 2d only.
void gather(const Texture& texture, const Position& position, Footprint& footprint);

// The level of detail where coordinates grow by dx and dy from one pixel to the next.
float level_of(const Texture& texture, const Position& position, const float dx[3], const float dy[3]);

}  // namespace talweg::exec
