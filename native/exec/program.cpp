// From an instruction back to the source it came from.
#include "program.hpp"

#include <algorithm>

namespace talweg::exec {

SourcePlace Program::place(const Instr& instr) const {
  const size_t index = static_cast<size_t>(&instr - code.data());
  SourcePlace place;
  if (places[index] >= 0) place = locations[static_cast<size_t>(places[index])];
  place.ptx_line = ptx_lines[index];
  return place;
}

const ptx::DecodedFunction& Program::function_at(const Instr& instr) const {
  const uint32_t index = static_cast<uint32_t>(&instr - code.data());
  return *std::find_if(functions.begin(), functions.end(),
                       [index](const auto& function) { return index >= function.first && index < function.last; });
}

}  // namespace talweg::exec
