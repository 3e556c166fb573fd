// Kinds of PTX instructions, as the counters tell them apart.
#pragma once

#include <cstdint>

namespace talweg::ptx {
struct Instruction;
}

namespace talweg::count {

enum class Class : uint8_t { kFma, kFloat, kTensor, kInteger, kMemory, kControl, kBarrier, kOther, kNone };
inline constexpr int kClasses = 8;  // without kNone: what the decoder added, and kernel parameters, which cost nothing

Class class_of(const ptx::Instruction& instruction);

}  // namespace talweg::count
