// What textures and surfaces read: where the elements of an image lie, and how a sampler makes a value of them.
// CUDA C++ Programming Guide, "Texture and Surface Memory" and "Texture Fetching".
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

namespace talweg {

enum class Channel : uint8_t { kU8, kU16, kU32, kS8, kS16, kS32, kF16, kF32 };

struct Format {
  Channel channel = Channel::kU8;
  uint32_t channels = 1;  // 1, 2 or 4

  uint32_t channel_bytes() const;
  uint32_t bytes() const { return channels * channel_bytes(); }  // of an element
  bool is_float() const { return channel == Channel::kF16 || channel == Channel::kF32; }
};

// Rows of elements, and planes of rows: those of a volume, layers, or six faces for each layer of a cube.
struct Level {
  uint64_t address = 0;
  uint32_t width = 1, height = 1, planes = 1;
  uint64_t pitch = 0, slice = 0;  // bytes from row to row and from plane to plane
};

struct Image {
  Format format;
  int dimensions = 1;
  bool layered = false, cube = false;
  bool linear = false;        // plain memory that tex1Dfetch indexes
  std::vector<Level> levels;  // of detail, the finest first

  std::string shape() const;  // as PTX writes it: "2d", "a1d", "cube"
};

enum class AddressMode : uint8_t { kWrap, kClamp, kMirror, kBorder };

struct Sampler {
  AddressMode address[3] = {AddressMode::kClamp, AddressMode::kClamp, AddressMode::kClamp};
  bool linear = false;
  bool linear_between_levels = false;
  bool normalized_coordinates = false;
  bool as_integer = false;  // integers of 8 and 16 bits are not made fractions of one
  bool srgb = false;
  float level_bias = 0, least_level = 0, greatest_level = 0;
  float border[4] = {};
};

struct Texture {
  Image image;
  Sampler sampler;
  bool is_surface = false;
};

// The live objects of a context, by the handles that kernels get.
class TextureObjects {
 public:
  void add(uint64_t handle, std::shared_ptr<const Texture> texture);
  bool remove(uint64_t handle);  // false if it is not there
  void clear();
  std::shared_ptr<const Texture> find(uint64_t handle) const;  // or null
  std::string describe(uint64_t handle) const;  // what nothing was found for
  std::string leaks() const;                    // one line each

 private:
  static constexpr size_t kDestroyedKept = 1024;

  mutable std::shared_mutex mutex_;
  std::map<uint64_t, std::shared_ptr<const Texture>> live_;
  std::set<uint64_t> destroyed_;  // the latest ones
};

}  // namespace talweg
