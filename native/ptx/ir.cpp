// The scalar types of PTX by name.
#include "ir.hpp"

namespace talweg::ptx {
namespace {

struct TypeName {
  const char* name;
  Type type;
  int bytes;
};

constexpr TypeName kTypes[] = {
    {".u8", Type::kU8, 1},   {".u16", Type::kU16, 2}, {".u32", Type::kU32, 4}, {".u64", Type::kU64, 8},
    {".s8", Type::kS8, 1},   {".s16", Type::kS16, 2}, {".s32", Type::kS32, 4}, {".s64", Type::kS64, 8},
    {".b8", Type::kB8, 1},   {".b16", Type::kB16, 2}, {".b32", Type::kB32, 4}, {".b64", Type::kB64, 8},
    {".b128", Type::kB128, 16},
    {".f16", Type::kF16, 2}, {".f32", Type::kF32, 4}, {".f64", Type::kF64, 8}, {".pred", Type::kPred, 0},
    {".bf16", Type::kBf16, 2},     {".tf32", Type::kTf32, 4},     {".f16x2", Type::kF16x2, 4}, {".bf16x2", Type::kBf16x2, 4},
    {".u16x2", Type::kU16x2, 4},   {".s16x2", Type::kS16x2, 4},   {".e4m3", Type::kE4m3, 1},   {".e5m2", Type::kE5m2, 1},
    {".e4m3x2", Type::kE4m3x2, 2}, {".e5m2x2", Type::kE5m2x2, 2}, {".u4", Type::kU4, 0},       {".s4", Type::kS4, 0},
    {".b1", Type::kB1, 0},
};

}  // namespace

Type type_from(std::string_view dotted) {
  for (const TypeName& entry : kTypes) {
    if (dotted == entry.name) return entry.type;
  }
  return Type::kNone;
}

int bytes_of(Type type) {
  for (const TypeName& entry : kTypes) {
    if (type == entry.type) return entry.bytes;
  }
  return 0;
}

bool is_float(Type type) {
  switch (type) {
    case Type::kF16: case Type::kF32: case Type::kF64: case Type::kBf16: case Type::kTf32: case Type::kF16x2:
    case Type::kBf16x2: case Type::kE4m3: case Type::kE5m2: case Type::kE4m3x2: case Type::kE5m2x2: return true;
    default: return false;
  }
}

bool is_signed(Type type) {
  return type == Type::kS8 || type == Type::kS16 || type == Type::kS32 || type == Type::kS64;
}

const Function* Translation::function(std::string_view name) const {
  const Function* found = nullptr;
  for (const Function& function : functions) {
    if (function.name == name && (found == nullptr || function.has_body)) found = &function;
  }
  return found;
}

}  // namespace talweg::ptx
