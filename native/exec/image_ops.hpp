// What instructions on textures and surfaces have in common (PTX ISA, "Texture Instructions" and "Surface
// Instructions"): the operand [object, {coordinates}].
#pragma once

#include "../memory/texture.hpp"
#include "decode.hpp"
#include "lanes.hpp"

namespace talweg::exec {

struct ImageAccess {
  enum class Detail : uint8_t { kBase, kLevel, kGradient };

  int dimensions = 2;
  bool layered = false, cube = false;
  bool whole = false;       // coordinates are integers
  Slot coordinates[3] = {};
  Slot layer = 0;
  Detail detail = Detail::kBase;
  Slot level = 0;
  Slot dx[3] = {}, dy[3] = {};
  int component = 0;        // of tld4
  bool resident = false;    // writes the predicate that all elements were there
  Slot resident_slot = 0;
  std::string name;         // of the geometry, as PTX writes it
};

// Takes the geometry and the operand at `index`; coordinates are of `type`. The object's slot is returned.
Slot take_image(Decoder& d, size_t index, Type type, ImageAccess& access);
// Completes the instruction that was emitted last.
void complete_image(Decoder& d, ImageAccess access);

const ImageAccess& image_access(Warp& warp, const Instr& in);

// Calls visit(texture, lanes) for the lanes of each object. False if a lane's handle stands for none, which is reported.
template <class Visit>
bool for_each_image(Warp& warp, const Instr& in, uint32_t active, bool surface, Visit visit);

// The object of a handle if it may be accessed like this; else null, after a report for the lane.
std::shared_ptr<const Texture> find_image(Warp& warp, const Instr& in, int lane, uint64_t handle, bool surface);

template <class Visit>
bool for_each_image(Warp& warp, const Instr& in, uint32_t active, bool surface, Visit visit) {
  const uint64_t* handles = slot<uint64_t>(warp, in.a);
  for (uint32_t left = active; left != 0;) {
    const int leader = __builtin_ctz(left);
    const std::shared_ptr<const Texture> texture = find_image(warp, in, leader, handles[leader], surface);
    if (texture == nullptr) return false;
    uint32_t lanes = 0;
    for_each_lane(left, [&](int lane) { lanes |= handles[lane] == handles[leader] ? 1u << lane : 0u; });
    left &= ~lanes;
    if (!visit(*texture, lanes)) return false;
  }
  return true;
}

}  // namespace talweg::exec
