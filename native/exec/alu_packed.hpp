// The forms of add, min and max on two 16-bit integers in a word.
#pragma once

#include "decode.hpp"

namespace talweg::exec {

// False if the type is none of theirs.
bool decode_packed_integers(Decoder& decoder, Type type);

}  // namespace talweg::exec
