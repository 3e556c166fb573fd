// Functions that every CUDA program may call and no module defines: vprintf, __assertfail, malloc and free.
#pragma once

#include <string>

#include "program.hpp"

namespace talweg::exec {

// The handler of a call to it, or null if there is no such function with these parameters.
Handler builtin(const ptx::DecodedFunction& declaration);

}  // namespace talweg::exec
