// Which slot of the frame each register of a function lies in, and the function's basic blocks in execution order.
#pragma once

#include <cstdint>
#include <vector>

#include "../ptx/ir.hpp"
#include "program.hpp"

namespace talweg::exec {

struct BasicBlock {
  size_t first = 0, last = 0;  // instructions of ptx::Function::code
  std::vector<uint32_t> successors;
};

// Basic blocks in the order of the text. A label that a branch names must exist.
std::vector<BasicBlock> basic_blocks(const ptx::Function& function);

// The instruction that a label stands before, seen from a brace scope. Throws LoadError if there is no such label.
size_t find_label(const ptx::Function& function, std::string_view name, int scope, int line);
const std::vector<std::string_view>& find_branch_table(const ptx::Function& function, std::string_view name, int scope,
                                                       int line);

// Slots by register, in units of their class: the n-th 32-bit slot, 64-bit slot or predicate. A register of 128 bits
// has two 64-bit slots, the low half first.
struct RegisterSlots {
  std::vector<BasicBlock> blocks;
  std::vector<uint32_t> order;  // of blocks, as laid out
  std::vector<uint32_t> index;  // by register
  uint32_t words = 0, wides = 0, predicates = 0;
};

RegisterSlots assign_slots(const ptx::Function& function);

// Frame layout, the same for all functions of a program: room for the largest number of slots of each class.
struct FrameLayout {
  uint32_t words = 0, wides = 0, predicates = 0;

  void include(const RegisterSlots& slots);
  Slot predicate(uint32_t index) const { return index * 4; }
  Slot word(uint32_t index) const { return predicate_bytes() + index * kSlotBytes32; }
  Slot wide(uint32_t index) const { return word(words) + index * kSlotBytes64; }
  uint32_t bytes() const { return wide(wides); }

 private:
  uint32_t predicate_bytes() const { return (predicates * 4 + 63) / 64 * 64; }
};

}  // namespace talweg::exec
