#include "image_ops.hpp"

#include "block.hpp"

namespace talweg::exec {
namespace {

struct Geometry {
  const char* modifier;
  int dimensions;
  bool layered, cube;
};

constexpr Geometry kGeometries[] = {{".1d", 1, false, false},  {".2d", 2, false, false},   {".3d", 3, false, false},
                                    {".a1d", 1, true, false},  {".a2d", 2, true, false},   {".cube", 2, false, true},
                                    {".acube", 2, true, true}};

}  // namespace

Slot take_image(Decoder& d, size_t index, Type type, ImageAccess& access) {
  const int found = d.take_one_of({".1d", ".2d", ".3d", ".a1d", ".a2d", ".cube", ".acube"});
  if (found < 0) d.fail("'" + std::string(d.opcode()) + "' lacks a geometry that this device knows");
  const Geometry& geometry = kGeometries[found];
  access.dimensions = geometry.dimensions;
  access.layered = geometry.layered;
  access.cube = geometry.cube;
  access.whole = type == Type::kS32;
  access.name = geometry.modifier + 1;

  const Operand& address = d.operand(index);
  if (address.kind != Operand::Kind::kAddress || address.parts.size() != 2 || address.offset != 0) {
    d.fail("'" + std::string(d.opcode()) + "' needs [object, {coordinates}]");
  }
  const std::vector<Operand> scalar{address.parts[1]};
  const auto& parts = address.parts[1].kind == Operand::Kind::kVector ? address.parts[1].parts : scalar;
  const size_t axes = static_cast<size_t>(access.cube ? 3 : access.dimensions), first = access.layered ? 1 : 0;
  // Three coordinates are padded to four.
  const size_t wanted = axes + first == 3 ? 4 : axes + first;
  if (parts.size() != wanted) {
    d.fail("'." + access.name + "' needs " + std::to_string(wanted) + " coordinates, not " + std::to_string(parts.size()));
  }
  if (access.layered) access.layer = d.read(parts[0], Type::kU32);
  for (size_t i = 0; i < axes; i++) access.coordinates[i] = d.read(parts[first + i], type);
  return d.read(address.parts[0], Type::kU64);
}

void complete_image(Decoder& d, ImageAccess access) {
  Instr& instr = d.program().code.back();
  instr.jump = d.remember_allocation();
  instr.imm = d.program().image_accesses.size();
  d.program().image_accesses.push_back(std::make_shared<ImageAccess>(std::move(access)));
}

const ImageAccess& image_access(Warp& warp, const Instr& in) {
  return *warp.block->launch().program.image_accesses[in.imm];
}

std::shared_ptr<const Texture> find_image(Warp& warp, const Instr& in, int lane, uint64_t handle, bool surface) {
  const TextureObjects& objects = warp.block->launch().memory.textures();
  const auto report = [&](const std::string& what) {
    warp.block->fault(warp, in, lane, Status::kIllegalAddress, what);
    return nullptr;
  };
  const char* kind = surface ? "surface" : "texture";
  auto texture = objects.find(handle);
  if (texture == nullptr) return report(std::string("access through ") + kind + " object " + objects.describe(handle));
  if (texture->is_surface != surface) return report(std::string("access of a ") + kind + " through an object of the other sort");
  const ImageAccess& access = image_access(warp, in);
  const Image& image = texture->image;
  // Faces of a cube are layers to a surface.
  const bool layered = image.layered || (surface && image.cube), cube = image.cube && !surface;
  if (image.dimensions != access.dimensions || layered != access.layered || cube != access.cube) {
    return report("access as '." + access.name + "' of a " + kind + " object that is '." + image.shape() + "'");
  }
  return texture;
}

}  // namespace talweg::exec
