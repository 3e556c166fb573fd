// Handlers of jumps that the decoder places by itself.
#pragma once

#include "program.hpp"

namespace talweg::exec {

const Instr* jump_forward(Warp& warp, const Instr& in);
const Instr* jump_backward(Warp& warp, const Instr& in);

}  // namespace talweg::exec
