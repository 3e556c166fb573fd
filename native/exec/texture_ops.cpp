// tex and tld4 on texture objects (PTX ISA, "Texture Instructions"). Filtering blends in double precision and rounds once.
#include <algorithm>
#include <cmath>

#include "image_ops.hpp"
#include "memory_access.hpp"
#include "plain_memory.hpp"
#include "small_float.hpp"
#include "texture_sampling.hpp"

namespace talweg::exec {
namespace {

using Memory = PlainMemory<false>;

bool is_fraction(const Texture& texture) {
  return !texture.image.format.is_float() && texture.image.format.channel_bytes() < 4 && !texture.sampler.as_integer;
}

bool gives_floats(const Texture& texture) { return texture.image.format.is_float() || is_fraction(texture); }

// The 32 bits that a channel holds: a float, or an integer extended.
uint32_t channel_bits(const std::byte* at, Channel channel) {
  switch (channel) {
    case Channel::kU8: return Memory::load<uint8_t>(at);
    case Channel::kS8: return static_cast<uint32_t>(Memory::load<int8_t>(at));
    case Channel::kU16: return Memory::load<uint16_t>(at);
    case Channel::kS16: return static_cast<uint32_t>(Memory::load<int16_t>(at));
    case Channel::kF16: return bit_cast<uint32_t>(static_cast<float>(decode_float(Memory::load<uint16_t>(at), kHalf)));
    default: return Memory::load<uint32_t>(at);
  }
}

float fraction(uint32_t bits, Channel channel, bool srgb) {
  const auto value = static_cast<float>(static_cast<int32_t>(bits));
  switch (channel) {
    case Channel::kU8: {
      if (!srgb) return value / 255;
      const double encoded = static_cast<double>(value) / 255;
      return static_cast<float>(encoded <= 0.04045 ? encoded / 12.92 : std::pow((encoded + 0.055) / 1.055, 2.4));
    }
    case Channel::kS8: return std::max(value / 127, -1.0f);
    case Channel::kU16: return value / 65535;
    default: return std::max(value / 32767, -1.0f);
  }
}

// One channel of an element as a result has it. What an element lacks is 0, and 1 for the last.
uint32_t channel_of(const Texture& texture, const std::byte* element, int channel) {
  const Format& format = texture.image.format;
  const bool floats = gives_floats(texture);
  if (channel >= static_cast<int>(format.channels)) return channel < 3 ? 0 : floats ? bit_cast<uint32_t>(1.0f) : 1;
  if (element == nullptr) return bit_cast<uint32_t>(texture.sampler.border[channel]);
  const uint32_t bits = channel_bits(element + static_cast<uint32_t>(channel) * format.channel_bytes(), format.channel);
  if (!is_fraction(texture)) return bits;
  return bit_cast<uint32_t>(fraction(bits, format.channel, texture.sampler.srgb && channel < 3));
}

Position position_of(Warp& warp, const ImageAccess& access, int lane) {
  Position position;
  position.whole = access.whole;
  const int axes = access.cube ? 3 : access.dimensions;
  for (int d = 0; d < axes; d++) {
    const uint32_t bits = slot<uint32_t>(warp, access.coordinates[d])[lane];
    if (access.whole) position.cell[d] = static_cast<int32_t>(bits);
    else position.at[d] = bit_cast<float>(bits);
  }
  if (access.layered) position.layer = slot<uint32_t>(warp, access.layer)[lane];
  return position;
}

float level_of_lane(Warp& warp, const ImageAccess& access, const Texture& texture, const Position& position, int lane) {
  if (access.detail == ImageAccess::Detail::kLevel) return slot<float>(warp, access.level)[lane];
  if (access.detail == ImageAccess::Detail::kBase || texture.image.levels.size() == 1) return 0;
  float dx[3] = {}, dy[3] = {};
  for (int d = 0; d < (access.cube ? 3 : access.dimensions); d++) {
    dx[d] = slot<float>(warp, access.dx[d])[lane];
    dy[d] = slot<float>(warp, access.dy[d])[lane];
  }
  return level_of(texture, position, dx, dy);
}

// Plain memory has no addressing modes: an index outside is an error that a GPU would answer with zeros.
bool within_linear(Warp& warp, const Instr& in, const Texture& texture, const Position& position, int lane) {
  const Level& level = texture.image.levels[0];
  const int64_t index = position.whole ? position.cell[0] : static_cast<int64_t>(std::floor(static_cast<double>(position.at[0])));
  if (!texture.image.linear || (index >= 0 && index < level.width)) return true;
  if (!warp.block->launch().check_bounds) return true;
  warp.block->fault(warp, in, lane, Status::kIllegalAddress,
                    "fetch of element " + std::to_string(index) + " of a linear texture of " + std::to_string(level.width) +
                        " elements at " + warp.block->launch().memory.describe(level.address, texture.image.format.bytes()));
  return false;
}

// Reads what all lanes blend, one element of each at a time.
template <class Take>
bool read_texels(Warp& warp, const Instr& in, const Texture& texture, uint32_t lanes, const Footprint* footprints, Take take) {
  int most = 0;
  for_each_lane(lanes, [&](int lane) { most = std::max(most, footprints[lane].count); });
  for (int k = 0; k < most; k++) {
    Located located;
    uint32_t reading = 0, taking = 0;
    for_each_lane(lanes, [&](int lane) {
      if (k >= footprints[lane].count) return;
      taking |= 1u << lane;
      located.host[lane] = reinterpret_cast<std::byte*>(footprints[lane].texels[k].address);
      if (located.host[lane] != nullptr) reading |= 1u << lane;
    });
    if (reading != 0 && !locate_elements(warp, in, reading, texture.image.format.bytes(), Access::kRead, located)) return false;
    for_each_lane(taking, [&](int lane) { take(lane, k, located.host[lane]); });
  }
  return true;
}

bool fetch(Warp& warp, const Instr& in, const ImageAccess& access, const Texture& texture, uint32_t lanes) {
  Footprint footprints[kLanes];
  for (uint32_t left = lanes; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    const Position position = position_of(warp, access, lane);
    if (!within_linear(warp, in, texture, position, lane)) return false;
    sample(texture, position, level_of_lane(warp, access, texture, position, lane), footprints[lane]);
  }
  uint32_t single[kLanes][4];
  double sums[kLanes][4];
  const bool read = read_texels(warp, in, texture, lanes, footprints, [&](int lane, int k, const std::byte* element) {
    for (int c = 0; c < 4; c++) {
      const uint32_t bits = channel_of(texture, element, c);
      const double part = footprints[lane].texels[k].weight * static_cast<double>(bit_cast<float>(bits));
      single[lane][c] = bits;
      sums[lane][c] = k == 0 ? part : sums[lane][c] + part;
    }
  });
  if (!read) return false;
  const Slot results[4] = {in.dst, in.b, in.c, in.d};
  for_each_lane(lanes, [&](int lane) {
    for (int c = 0; c < 4; c++) {
      slot<uint32_t>(warp, results[c])[lane] =
          footprints[lane].count == 1 ? single[lane][c] : bit_cast<uint32_t>(static_cast<float>(sums[lane][c]));
    }
  });
  return true;
}

bool fetch_four(Warp& warp, const Instr& in, const ImageAccess& access, const Texture& texture, uint32_t lanes) {
  Footprint footprints[kLanes];
  for_each_lane(lanes, [&](int lane) { gather(texture, position_of(warp, access, lane), footprints[lane]); });
  const Slot results[4] = {in.dst, in.b, in.c, in.d};
  return read_texels(warp, in, texture, lanes, footprints, [&](int lane, int k, const std::byte* element) {
    slot<uint32_t>(warp, results[k])[lane] = channel_of(texture, element, access.component);
  });
}

template <auto kFetch>
const Instr* run(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  const ImageAccess& access = image_access(warp, in);
  const bool done = for_each_image(warp, in, active, false, [&](const Texture& texture, uint32_t lanes) {
    return kFetch(warp, in, access, texture, lanes);
  });
  if (!done) return stop();
  if (access.resident) write_predicate(warp, access.resident_slot, active, kAllLanes);
  return &in + 1;
}

// The four results, and behind a bar the predicate that says whether the elements of a sparse image were there.
void take_results(Decoder& d, Type type, ImageAccess& access, Slot results[4]) {
  if (!d.take(".v4")) d.fail("'" + std::string(d.opcode()) + "' gives vectors of four");
  if (type != Type::kF32 && type != Type::kS32 && type != Type::kU32) {
    d.fail("'" + std::string(d.opcode()) + "' knows no such type");
  }
  const bool pair = d.operand(0).kind == Operand::Kind::kPair;
  const Operand& vector = pair ? d.operand(0).parts[0] : d.operand(0);
  if (vector.kind != Operand::Kind::kVector || vector.parts.size() != 4) d.fail("the result is a vector of four");
  for (uint32_t i = 0; i < 4; i++) {
    const Operand& part = vector.parts[i];
    results[i] = part.kind == Operand::Kind::kSink ? d.scratch(type, i) : d.write(part, type);
  }
  if (!pair) return;
  access.resident = true;
  access.resident_slot = d.write_predicate(d.operand(0).parts[1]);
}

void take_gradient(Decoder& d, const Operand& operand, int axes, Slot slots[3]) {
  const size_t wanted = axes == 3 ? 4 : static_cast<size_t>(axes);
  if (operand.kind != Operand::Kind::kVector || operand.parts.size() != wanted) {
    d.fail("a gradient has as many parts as there are coordinates");
  }
  for (size_t i = 0; i < static_cast<size_t>(axes); i++) slots[i] = d.read(operand.parts[i], Type::kF32);
}

void decode_tex(Decoder& d) {
  ImageAccess access;
  const int detail = d.take_one_of({".base", ".level", ".grad"});
  const Type type = d.take_type(), coordinate_type = d.take_type();
  if (coordinate_type != Type::kF32 && coordinate_type != Type::kS32) d.fail("coordinates are .f32 or .s32");
  Slot results[4];
  take_results(d, type, access, results);
  const Slot object = take_image(d, 1, coordinate_type, access);
  if (access.whole && (access.layered || access.cube || detail > 0)) d.fail("coordinates of .s32 are for '.1d', '.2d' and '.3d'");
  d.expect_operands(detail == 1 ? 3 : detail == 2 ? 4 : 2);
  if (detail == 1) {
    access.detail = ImageAccess::Detail::kLevel;
    access.level = d.read(2, Type::kF32);
  } else if (detail == 2) {
    access.detail = ImageAccess::Detail::kGradient;
    const int axes = access.cube ? 3 : access.dimensions;
    take_gradient(d, d.operand(2), axes, access.dx);
    take_gradient(d, d.operand(3), axes, access.dy);
  }
  d.emit(&run<&fetch>, results[0], object, results[1], results[2], results[3]);
  complete_image(d, std::move(access));
}

void decode_tld4(Decoder& d) {
  ImageAccess access;
  access.component = d.take_one_of({".r", ".g", ".b", ".a"});
  if (access.component < 0) d.fail("'tld4' lacks a component");
  const Type type = d.take_type();
  if (d.take_type() != Type::kF32) d.fail("coordinates of 'tld4' are .f32");
  Slot results[4];
  take_results(d, type, access, results);
  const Slot object = take_image(d, 1, Type::kF32, access);
  if (access.name != "2d") d.fail("'tld4' of other than '.2d'");
  d.expect_operands(2);
  d.emit(&run<&fetch_four>, results[0], object, results[1], results[2], results[3]);
  complete_image(d, std::move(access));
}

}  // namespace

const OpcodeTable kTextureOpcodes = {{"tex", decode_tex}, {"tld4", decode_tld4}};

}  // namespace talweg::exec
