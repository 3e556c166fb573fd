// The approximate forms of instructions that have an exact one too.
#pragma once

#include "decode.hpp"

namespace talweg::exec {

// Decodes div.full, div.approx, rcp.approx and the like; false if the instruction is none of them.
bool decode_approximate(Decoder& decoder);

}  // namespace talweg::exec
