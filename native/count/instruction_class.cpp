#include "instruction_class.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "../ptx/ir.hpp"

namespace talweg::count {
namespace {

using Table = std::unordered_map<std::string_view, Class>;

const Table& table() {
  static const Table& known = *new Table{
      {"fma", Class::kFma},         {"mma", Class::kTensor},       {"wmma", Class::kTensor},
      {"ld", Class::kMemory},       {"ldu", Class::kMemory},       {"st", Class::kMemory},
      {"atom", Class::kMemory},     {"red", Class::kMemory},       {"cp", Class::kMemory},
      {"tex", Class::kMemory},      {"tld4", Class::kMemory},
      {"suld", Class::kMemory},     {"sust", Class::kMemory},      {"ldmatrix", Class::kMemory}, {"stmatrix", Class::kMemory},  {"prefetch", Class::kMemory},
      {"bra", Class::kControl},     {"brx", Class::kControl},      {"call", Class::kControl},
      {"ret", Class::kControl},     {"exit", Class::kControl},     {"trap", Class::kControl},
      {"bar", Class::kBarrier},     {"barrier", Class::kBarrier},  {"membar", Class::kBarrier},
      {"fence", Class::kBarrier},   {"mbarrier", Class::kBarrier}, {"shfl", Class::kOther},
      {"vote", Class::kOther},      {"match", Class::kOther},      {"redux", Class::kOther},
      {"activemask", Class::kOther}, {"mov", Class::kOther},       {"cvt", Class::kOther},
      {"cvta", Class::kOther},
  };
  return known;
}

}  // namespace

// What no table names is arithmetic; its last type says of which sort.
Class class_of(const ptx::Instruction& instruction) {
  const auto& modifiers = instruction.modifiers;
  const auto has = [&](std::string_view modifier) {
    return std::find(modifiers.begin(), modifiers.end(), modifier) != modifiers.end();
  };
  if (instruction.opcode == "ld" && has(".param")) return Class::kNone;
  if (instruction.opcode == "wmma" && !has(".mma")) return Class::kMemory;
  const auto known = table().find(instruction.opcode);
  if (known != table().end()) return known->second;
  ptx::Type last = ptx::Type::kNone;
  for (std::string_view modifier : modifiers) {
    if (ptx::type_from(modifier) != ptx::Type::kNone) last = ptx::type_from(modifier);
  }
  if (!ptx::is_float(last)) return Class::kInteger;
  return instruction.opcode == "mad" ? Class::kFma : Class::kFloat;
}

}  // namespace talweg::count
