// suld.b and sust.b on surface objects (PTX ISA, "Surface Instructions"). x counts bytes.
#include <algorithm>

#include "image_ops.hpp"
#include "memory_access.hpp"
#include "plain_memory.hpp"

namespace talweg::exec {
namespace {

using Memory = PlainMemory<false>;

enum Outside : uint8_t { kTrap, kClamp, kZero };  // Instr::flags

// Where a lane's access lies; null if it is outside and that is no error, or, with `fault`, after a report.
std::byte* place_of(Warp& warp, const Instr& in, const ImageAccess& access, const Texture& texture, int lane, uint32_t bytes,
                    bool& fault) {
  const Level& level = texture.image.levels[0];
  const int64_t row_bytes = int64_t{level.width} * texture.image.format.bytes();
  const auto coordinate = [&](int d) -> int64_t { return slot<int32_t>(warp, access.coordinates[d])[lane]; };
  int64_t at[3] = {coordinate(0), access.dimensions > 1 ? coordinate(1) : 0,
                   access.layered        ? static_cast<int64_t>(slot<uint32_t>(warp, access.layer)[lane])
                   : access.dimensions > 2 ? coordinate(2)
                                           : 0};
  const int64_t last[3] = {row_bytes - bytes, int64_t{level.height} - 1, int64_t{level.planes} - 1};
  fault = true;
  if (at[0] % bytes != 0) {
    warp.block->fault(warp, in, lane, Status::kMisalignedAddress,
                      "surface access of " + std::to_string(bytes) + " bytes at byte " + std::to_string(at[0]) +
                          " of a row: not a multiple of " + std::to_string(bytes));
    return nullptr;
  }
  bool outside = false;
  for (int d = 0; d < 3; d++) outside = outside || at[d] < 0 || at[d] > last[d];
  if (outside && (in.flags == kTrap || last[0] < 0)) {
    warp.block->fault(warp, in, lane, Status::kIllegalAddress,
                      "surface access of " + std::to_string(bytes) + " bytes at byte " + std::to_string(at[0]) + " of row " +
                          std::to_string(at[1]) + " of plane " + std::to_string(at[2]) + ": the surface has " +
                          std::to_string(level.planes) + " planes of " + std::to_string(level.height) + " rows of " +
                          std::to_string(row_bytes) + " bytes");
    return nullptr;
  }
  fault = false;
  if (outside && in.flags == kZero) return nullptr;
  for (int d = 0; d < 3; d++) at[d] = std::clamp<int64_t>(at[d], 0, last[d]);
  return reinterpret_cast<std::byte*>(level.address + static_cast<uint64_t>(at[2]) * level.slice +
                                      static_cast<uint64_t>(at[1]) * level.pitch + static_cast<uint64_t>(at[0]));
}

template <class M, class W, int N, bool kLoads>
const Instr* run(Warp& warp, const Instr& in) {
  const uint32_t active = active_lanes(warp, in);
  const ImageAccess& access = image_access(warp, in);
  const Slot slots[4] = {in.dst, in.b, in.c, in.d};
  const bool done = for_each_image(warp, in, active, true, [&](const Texture& texture, uint32_t lanes) {
    constexpr uint32_t kBytes = sizeof(M) * N;
    Located located;
    uint32_t inside = 0;
    for (uint32_t left = lanes; left != 0; left &= left - 1) {
      const int lane = __builtin_ctz(left);
      bool fault;
      located.host[lane] = place_of(warp, in, access, texture, lane, kBytes, fault);
      if (fault) return false;
      if (located.host[lane] != nullptr) inside |= 1u << lane;
    }
    if (inside != 0 && !locate_elements(warp, in, inside, kBytes, kLoads ? Access::kRead : Access::kWrite, located)) return false;
    if constexpr (kLoads) {
      for_each_lane(lanes, [&](int lane) {
        for (int n = 0; n < N; n++) {
          const bool there = (inside >> lane & 1) != 0;
          slot<W>(warp, slots[n])[lane] = there ? Memory::load<M>(located.host[lane] + static_cast<size_t>(n) * sizeof(M)) : M{0};
        }
      });
    } else {
      if (warp.suspected) warp.block->changed();
      for_each_lane(inside, [&](int lane) {
        for (int n = 0; n < N; n++) {
          Memory::store<M>(located.host[lane] + static_cast<size_t>(n) * sizeof(M), static_cast<M>(slot<W>(warp, slots[n])[lane]));
        }
      });
    }
    return true;
  });
  return done ? &in + 1 : stop();
}

template <class M, class W, bool kLoads>
Handler of_size(int n) {
  if (n == 1) return &run<M, W, 1, kLoads>;
  if (n == 2) return &run<M, W, 2, kLoads>;
  if constexpr (sizeof(M) < 8) return &run<M, W, 4, kLoads>;
  return nullptr;
}

template <bool kLoads>
Handler choose(Type type, int n) {
  switch (type) {
    case Type::kB8: return of_size<uint8_t, uint32_t, kLoads>(n);
    case Type::kB16: return of_size<uint16_t, uint32_t, kLoads>(n);
    case Type::kB32: return of_size<uint32_t, uint32_t, kLoads>(n);
    case Type::kB64: return of_size<uint64_t, uint64_t, kLoads>(n);
    default: return nullptr;
  }
}

template <bool kLoads>
void decode_surface(Decoder& d) {
  if (!d.take(".b")) d.fail("'" + std::string(d.opcode()) + "' of other than bytes, '.b'");
  d.ignore({".ca", ".cg", ".cs", ".cv", ".wb", ".wt"});
  const int n = d.take(".v2") ? 2 : d.take(".v4") ? 4 : 1;
  const Type type = d.take_type();
  const int outside = d.take_one_of({".trap", ".clamp", ".zero"});
  d.expect_operands(2);
  ImageAccess access;
  const Slot object = take_image(d, kLoads ? 1 : 0, Type::kS32, access);
  if (access.cube) d.fail("surfaces of cubes are '.a2d'");
  const Operand& value = d.operand(kLoads ? 0 : 1);
  const std::vector<Operand> scalar{value};
  const auto& parts = value.kind == Operand::Kind::kVector ? value.parts : scalar;
  if (parts.size() != static_cast<size_t>(n)) d.fail("the vector has not the size that the instruction says");
  const Handler handler = choose<kLoads>(type, n);
  if (handler == nullptr) d.fail("'" + std::string(d.opcode()) + "' knows no such type");
  Slot slots[4] = {};
  for (size_t i = 0; i < parts.size(); i++) {
    if (!kLoads) slots[i] = d.read(parts[i], type);
    else slots[i] = parts[i].kind == Operand::Kind::kSink ? d.scratch(type, static_cast<uint32_t>(i)) : d.write(parts[i], type);
  }
  Instr& instr = d.emit(handler, slots[0], object, slots[1], slots[2], slots[3]);
  instr.flags = static_cast<uint8_t>(outside < 0 ? kTrap : outside);
  instr.access = static_cast<uint8_t>(n | (type == Type::kB64 ? kWideWords : 0));
  complete_image(d, std::move(access));
}

}  // namespace

const OpcodeTable kSurfaceOpcodes = {{"suld", decode_surface<true>}, {"sust", decode_surface<false>}};

}  // namespace talweg::exec
