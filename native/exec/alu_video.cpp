// Packed integers (PTX ISA, "SIMD Video Instructions" and the .u16x2 and .s16x2 forms of add, min and max).
#include <algorithm>

#include "alu_packed.hpp"
#include "types.hpp"

namespace talweg::exec {
namespace {

enum class Video { kAdd, kSub, kAverage, kDifference, kMin, kMax };

// imm: packed VideoForm.
struct VideoForm {
  uint8_t operation, bits;
  bool a_signed, b_signed, d_signed, saturate, accumulate;
};

int32_t element(uint32_t word, int at, int bits, bool is_signed) {
  const uint32_t shifted = word << (32 - bits - at);
  return is_signed ? static_cast<int32_t>(shifted) >> (32 - bits) : static_cast<int32_t>(shifted >> (32 - bits));
}

int32_t operate(Video operation, int32_t a, int32_t b) {
  switch (operation) {
    case Video::kAdd: return a + b;
    case Video::kSub: return a - b;
    case Video::kAverage: return (a + b + (a + b >= 0 ? 1 : 0)) >> 1;
    case Video::kDifference: return std::abs(a - b);
    case Video::kMin: return std::min(a, b);
    default: return std::max(a, b);
  }
}

uint32_t video(const VideoForm& f, uint32_t a, uint32_t b, uint32_t c) {
  const uint32_t mask = f.bits == 32 ? ~0u : (1u << f.bits) - 1;
  const int32_t low = f.d_signed ? -(1 << (f.bits - 1)) : 0;
  const int32_t high = f.d_signed ? (1 << (f.bits - 1)) - 1 : (1 << f.bits) - 1;
  uint32_t packed = 0, sum = c;
  for (int at = 0; at < 32; at += f.bits) {
    int32_t value = operate(static_cast<Video>(f.operation), element(a, at, f.bits, f.a_signed),
                            element(b, at, f.bits, f.b_signed));
    if (f.saturate) value = std::clamp(value, low, high);
    packed |= (static_cast<uint32_t>(value) & mask) << at;
    sum += static_cast<uint32_t>(value);
  }
  return f.accumulate ? sum : packed;
}

const Instr* video_lanes(Warp& warp, const Instr& in) {
  VideoForm form;
  std::memcpy(&form, &in.imm, sizeof form);
  const uint32_t *a = slot<uint32_t>(warp, in.a), *b = slot<uint32_t>(warp, in.b), *c = slot<uint32_t>(warp, in.c);
  uint32_t* d = slot<uint32_t>(warp, in.dst);
  for_each_lane(active_lanes(warp, in), [&](int i) { d[i] = video(form, a[i], b[i], c[i]); });
  return &in + 1;
}

// vadd4.dtype.atype.btype[.sat | .add] d, a, b, c: c is added to under .add, and else gives the elements that a mask
// leaves out; there are no masks here, so that all elements are of the result.
template <Video kOperation, int kBits>
void decode_video(Decoder& d) {
  VideoForm form{};
  form.operation = static_cast<uint8_t>(kOperation);
  form.bits = kBits;
  form.saturate = d.take(".sat");
  form.accumulate = d.take(".add");
  if (form.saturate && form.accumulate) d.fail("'" + std::string(d.opcode()) + "' has .sat or .add, not both");
  for (bool* is_signed : {&form.d_signed, &form.a_signed, &form.b_signed}) {
    const Type type = d.take_type();
    if (type != Type::kU32 && type != Type::kS32) d.fail("'" + std::string(d.opcode()) + "' is .u32 or .s32");
    *is_signed = type == Type::kS32;
  }
  d.expect_operands(4);
  std::memcpy(&d.emit(&video_lanes, d.write(0, Type::kB32), d.read(1, Type::kB32), d.read(2, Type::kB32),
                      d.read(3, Type::kB32)).imm, &form, sizeof form);
}

template <class T>
uint32_t pair(T low, T high) { return static_cast<uint16_t>(low) | uint32_t{static_cast<uint16_t>(high)} << 16; }
template <class T>
T low_of(uint32_t word) { return static_cast<T>(word); }
template <class T>
T high_of(uint32_t word) { return static_cast<T>(word >> 16); }

uint32_t add_pairs(uint32_t a, uint32_t b) {
  return pair<uint16_t>(static_cast<uint16_t>(a + b), static_cast<uint16_t>((a >> 16) + (b >> 16)));
}
template <class T, bool kMin, bool kRelu>
T extremum(T a, T b) {
  const T value = (a < b) == kMin ? a : b;
  return kRelu && value < 0 ? T{0} : value;
}
template <class T, bool kMin, bool kRelu>
uint32_t extremum_pairs(uint32_t a, uint32_t b) {
  return pair<T>(extremum<T, kMin, kRelu>(low_of<T>(a), low_of<T>(b)), extremum<T, kMin, kRelu>(high_of<T>(a), high_of<T>(b)));
}

}  // namespace

bool decode_packed_integers(Decoder& d, Type type) {
  if (type != Type::kU16x2 && type != Type::kS16x2) return false;
  const bool relu = d.take(".relu"), is_signed = type == Type::kS16x2;
  const std::string_view op = d.opcode();
  if (relu && (op == "add" || !is_signed)) d.fail(".relu is for min and max of signed integers");
  Handler handler = nullptr;
  if (op == "add") handler = &Lanewise<&add_pairs>::run;
  else if (op == "min") {
    handler = !is_signed ? &Lanewise<&extremum_pairs<uint16_t, true, false>>::run
              : relu    ? &Lanewise<&extremum_pairs<int16_t, true, true>>::run
                        : &Lanewise<&extremum_pairs<int16_t, true, false>>::run;
  } else if (op == "max") {
    handler = !is_signed ? &Lanewise<&extremum_pairs<uint16_t, false, false>>::run
              : relu    ? &Lanewise<&extremum_pairs<int16_t, false, true>>::run
                        : &Lanewise<&extremum_pairs<int16_t, false, false>>::run;
  } else {
    d.fail("'" + std::string(op) + "' knows no such type");
  }
  emit_binary(d, handler, Type::kB32);
  return true;
}

const OpcodeTable kVideoOpcodes = {
    {"vadd2", decode_video<Video::kAdd, 16>},     {"vadd4", decode_video<Video::kAdd, 8>},
    {"vsub2", decode_video<Video::kSub, 16>},     {"vsub4", decode_video<Video::kSub, 8>},
    {"vavrg2", decode_video<Video::kAverage, 16>}, {"vavrg4", decode_video<Video::kAverage, 8>},
    {"vabsdiff2", decode_video<Video::kDifference, 16>}, {"vabsdiff4", decode_video<Video::kDifference, 8>},
    {"vmin2", decode_video<Video::kMin, 16>},     {"vmin4", decode_video<Video::kMin, 8>},
    {"vmax2", decode_video<Video::kMax, 16>},     {"vmax4", decode_video<Video::kMax, 8>},
};

}  // namespace talweg::exec
