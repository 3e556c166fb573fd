#include "texture_sampling.hpp"

#include <algorithm>
#include <cmath>

namespace talweg::exec {
namespace {

constexpr int64_t kOutside = -1;

// A coordinate in 1/256 of an element, rounded to the nearest: weights have eight fractional bits, and one that rounds up
// to 1 moves on to the next element.
int64_t in_256ths(float coordinate) {
  const double bounded = std::isnan(coordinate) ? 0 : std::clamp<double>(coordinate, -1e9, 1e9);
  return static_cast<int64_t>(std::floor(bounded * 256 + 0.5));
}

int64_t whole_part(float coordinate) {
  return std::isnan(coordinate) ? 0 : static_cast<int64_t>(std::floor(std::clamp<double>(coordinate, -1e9, 1e9)));
}

// Which element an index stands for. Wrapping and mirroring need normalized coordinates, and clamp without.
int64_t element(int64_t index, int64_t size, AddressMode mode, bool normalized) {
  if (index >= 0 && index < size) return index;
  if (mode == AddressMode::kBorder) return kOutside;
  if (mode == AddressMode::kWrap && normalized) return (index % size + size) % size;
  return std::clamp<int64_t>(index, 0, size - 1);  // mirrored coordinates have been folded into [0, 1]
}

// What one coordinate takes part in: one or two elements.
struct Axis {
  int64_t first = 0, second = 0;
  double weight = 0;  // of the second
};

float unnormalized(float x, int64_t size, AddressMode mode) {
  if (mode == AddressMode::kWrap) x -= std::floor(x);
  if (mode == AddressMode::kMirror) {
    const float whole = std::floor(x);
    x -= whole;
    if (std::fmod(whole, 2.0f) != 0) x = 1 - x;
  }
  return x * static_cast<float>(size);
}

Axis axis(float x, int64_t size, AddressMode mode, bool normalized, bool linear) {
  const float u = normalized ? unnormalized(x, size, mode) : x;
  if (!linear) {
    const int64_t one = element(whole_part(u), size, mode, normalized);
    return {one, one, 0};
  }
  const int64_t fixed = in_256ths(u - 0.5f), first = fixed >> 8;
  return {element(first, size, mode, normalized), element(first + 1, size, mode, normalized),
          static_cast<double>(fixed & 255) / 256};
}

// The face a direction meets, and where on it: "Cubemap Textures" in the guide.
struct Face {
  uint32_t index;
  int major, s, t;  // axes
  float major_sign, s_sign, t_sign;
};

Face face_of(const float direction[3]) {
  const float x = std::fabs(direction[0]), y = std::fabs(direction[1]), z = std::fabs(direction[2]);
  if (z >= x && z >= y) {
    return direction[2] >= 0 ? Face{4, 2, 0, 1, 1, 1, -1} : Face{5, 2, 0, 1, -1, -1, -1};
  }
  if (y >= x) return direction[1] >= 0 ? Face{2, 1, 0, 2, 1, 1, 1} : Face{3, 1, 0, 2, -1, 1, -1};
  return direction[0] >= 0 ? Face{0, 0, 2, 1, 1, -1, -1} : Face{1, 0, 2, 1, -1, 1, -1};
}

// What a level is sampled with: flat coordinates, and the plane for all but volumes.
struct Flat {
  float at[3];
  uint32_t plane;
};

Flat flatten(const Image& image, const Position& position) {
  Flat flat{{position.at[0], position.at[1], position.at[2]}, 0};
  const uint32_t planes = image.levels[0].planes, each = image.cube ? 6 : 1;
  if (image.layered) flat.plane = std::min(position.layer, planes / each - 1) * each;
  if (!image.cube) return flat;
  const Face face = face_of(position.at);
  const float major = face.major_sign * position.at[face.major];
  flat.at[0] = (face.s_sign * position.at[face.s] / major + 1) / 2;
  flat.at[1] = (face.t_sign * position.at[face.t] / major + 1) / 2;
  flat.plane += face.index;
  return flat;
}

uint64_t address_of(const Image& image, const Level& level, int64_t x, int64_t y, int64_t plane) {
  if (x < 0 || y < 0 || plane < 0) return 0;
  return level.address + static_cast<uint64_t>(plane) * level.slice + static_cast<uint64_t>(y) * level.pitch +
         static_cast<uint64_t>(x) * image.format.bytes();
}

void sample_level(const Texture& texture, const Flat& flat, size_t index, double weight, Footprint& footprint) {
  const Image& image = texture.image;
  const Level& level = image.levels[index];
  const Sampler& sampler = texture.sampler;
  const bool normalized = sampler.normalized_coordinates || image.cube;
  const auto along = [&](int d, uint32_t size) {
    return axis(flat.at[d], size, image.cube ? AddressMode::kClamp : sampler.address[d], normalized, sampler.linear);
  };
  const Axis x = along(0, level.width);
  const Axis y = image.dimensions > 1 ? along(1, level.height) : Axis{};
  const Axis z = image.dimensions > 2 ? along(2, level.planes) : Axis{flat.plane, flat.plane, 0};
  // What has no weight is not read.
  for (int k = 0; k < 8; k++) {
    const double part = weight * ((k & 1) != 0 ? x.weight : 1 - x.weight) * ((k & 2) != 0 ? y.weight : 1 - y.weight) *
                        ((k & 4) != 0 ? z.weight : 1 - z.weight);
    if (part == 0) continue;
    footprint.add(address_of(image, level, (k & 1) != 0 ? x.second : x.first, (k & 2) != 0 ? y.second : y.first,
                             (k & 4) != 0 ? z.second : z.first),
                  part);
  }
}

}  // namespace

void sample(const Texture& texture, const Position& position, float level, Footprint& footprint) {
  const Image& image = texture.image;
  if (position.whole) {
    const Level& finest = image.levels[0];
    const uint32_t sizes[3] = {finest.width, finest.height, finest.planes};
    int64_t cell[3] = {0, 0, 0};
    for (int d = 0; d < image.dimensions; d++) {
      cell[d] = element(position.cell[d], sizes[d], texture.sampler.address[d], false);
    }
    footprint.add(address_of(image, finest, cell[0], cell[1], cell[2]), 1);
    return;
  }
  const Flat flat = flatten(image, position);
  const auto last = static_cast<float>(image.levels.size() - 1);
  if (last == 0) return sample_level(texture, flat, 0, 1, footprint);
  const Sampler& sampler = texture.sampler;
  float detail = level + sampler.level_bias;
  detail = std::isnan(detail) ? 0 : std::max(std::min(detail, sampler.greatest_level), sampler.least_level);
  detail = std::clamp(detail, 0.0f, last);
  if (!sampler.linear_between_levels) {
    return sample_level(texture, flat, static_cast<size_t>(std::floor(detail + 0.5f)), 1, footprint);
  }
  const int64_t fixed = in_256ths(detail);
  const double coarser = static_cast<double>(fixed & 255) / 256;
  const auto finer = static_cast<size_t>(fixed >> 8);
  sample_level(texture, flat, finer, 1 - coarser, footprint);
  if (coarser != 0) sample_level(texture, flat, finer + 1, coarser, footprint);
}

void gather(const Texture& texture, const Position& position, Footprint& footprint) {
  const Image& image = texture.image;
  const Level& level = image.levels[0];
  const Sampler& sampler = texture.sampler;
  const Axis x = axis(position.at[0], level.width, sampler.address[0], sampler.normalized_coordinates, true);
  const Axis y = axis(position.at[1], level.height, sampler.address[1], sampler.normalized_coordinates, true);
  footprint.add(address_of(image, level, x.first, y.second, 0), 1);
  footprint.add(address_of(image, level, x.second, y.second, 0), 1);
  footprint.add(address_of(image, level, x.second, y.first, 0), 1);
  footprint.add(address_of(image, level, x.first, y.first, 0), 1);
}

float level_of(const Texture& texture, const Position& position, const float dx[3], const float dy[3]) {
  const Image& image = texture.image;
  const Level& finest = image.levels[0];
  const double sizes[3] = {static_cast<double>(finest.width), static_cast<double>(finest.height),
                           static_cast<double>(finest.planes)};
  const auto length = [&](const float gradient[3]) {
    double squares = 0;
    if (image.cube) {
      const Face face = face_of(position.at);
      const double major = face.major_sign * position.at[face.major];
      const double major_grows = face.major_sign * gradient[face.major];
      const auto grows = [&](int at, float sign) {
        const double place = sign * position.at[at], grow = sign * gradient[at];
        return (grow * major - place * major_grows) / (major * major) / 2 * sizes[0];
      };
      squares = grows(face.s, face.s_sign) * grows(face.s, face.s_sign) + grows(face.t, face.t_sign) * grows(face.t, face.t_sign);
    } else {
      for (int d = 0; d < image.dimensions; d++) {
        const double one = gradient[d] * (texture.sampler.normalized_coordinates ? sizes[d] : 1);
        squares += one * one;
      }
    }
    return std::sqrt(squares);
  };
  return static_cast<float>(std::log2(std::max(length(dx), length(dy))));
}

}  // namespace talweg::exec
