// The handlers of ld and st.
#pragma once

#include "decode.hpp"

namespace talweg::exec {

// Where the addresses of a handler come from, fixed when it is chosen.
enum class Path { kGlobal, kShared, kSharedWide, kOther };

// Of n elements of a type, to or from registers of 4 or 8 bytes; null if a vector is too wide. Strong ones take kOther.
Handler access_handler(Type type, int register_bytes, int n, bool is_load, bool strong, Path path);

// Of 16 bytes as one.
Handler handler_128(bool is_load);

// A kernel parameter, at Instr::imm.
Handler parameter_handler(Type type, int register_bytes);

}  // namespace talweg::exec
