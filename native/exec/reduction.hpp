// What asynchronous reductions do to an element in memory, as one.
#pragma once

#include "decode.hpp"

namespace talweg::exec {

using Reducer = void (*)(std::byte* memory, const std::byte* value);

// Takes operation and type. `shared`: of memory where single precision keeps subnormals.
Reducer take_reducer(Decoder& decoder, bool shared, Type& type);

}  // namespace talweg::exec
