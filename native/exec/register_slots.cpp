// Basic blocks, and slots for registers.
#include "register_slots.hpp"

#include <algorithm>
#include <set>

#include "../ptx/module.hpp"
#include "flow_order.hpp"

namespace talweg::exec {

using ptx::Function;
using ptx::Instruction;
using ptx::LoadError;
using ptx::Operand;

size_t find_label(const Function& function, std::string_view name, int scope, int line) {
  for (; scope >= 0; scope = function.scope_parent[static_cast<size_t>(scope)]) {
    auto found = function.labels.find({scope, name});
    if (found != function.labels.end()) return found->second;
  }
  throw LoadError{line, "unknown label '" + std::string(name) + "'"};
}

const std::vector<std::string_view>& find_branch_table(const Function& function, std::string_view name, int scope,
                                                       int line) {
  for (; scope >= 0; scope = function.scope_parent[static_cast<size_t>(scope)]) {
    auto found = function.branch_tables.find({scope, name});
    if (found != function.branch_tables.end()) return found->second;
  }
  throw LoadError{line, "unknown .branchtargets '" + std::string(name) + "'"};
}

namespace {

bool ends_block(const Instruction& instruction) {
  return instruction.opcode == "bra" || instruction.opcode == "brx" || instruction.opcode == "ret" ||
         instruction.opcode == "exit" || instruction.opcode == "trap";
}

std::vector<size_t> targets(const Function& function, const Instruction& instruction) {
  std::vector<size_t> found;
  if (instruction.opcode == "bra" && !instruction.operands.empty()) {
    found.push_back(find_label(function, instruction.operands[0].name, instruction.scope, instruction.line));
  } else if (instruction.opcode == "brx" && instruction.operands.size() == 2) {
    const auto& names =
        find_branch_table(function, instruction.operands[1].name, instruction.scope, instruction.line);
    for (std::string_view name : names) {
      found.push_back(find_label(function, name, instruction.scope, instruction.line));
    }
  }
  return found;
}

bool falls_through(const Instruction& last) { return last.guard >= 0 || !ends_block(last); }

}  // namespace

std::vector<BasicBlock> basic_blocks(const Function& function) {
  const size_t count = function.code.size();
  std::set<size_t> leaders{0};
  for (const auto& label : function.labels) leaders.insert(label.second);
  for (size_t i = 0; i < count; i++) {
    if (ends_block(function.code[i])) leaders.insert(i + 1);
  }
  leaders.insert(count);
  std::vector<BasicBlock> blocks;
  std::map<size_t, uint32_t> block_at;
  for (auto leader = leaders.begin(); leader != leaders.end(); ++leader) {
    const auto next = std::next(leader);
    block_at[*leader] = static_cast<uint32_t>(blocks.size());
    blocks.push_back({*leader, next == leaders.end() ? *leader : *next, {}});
  }
  for (size_t b = 0; b < blocks.size(); b++) {
    BasicBlock& block = blocks[b];
    if (block.first == block.last) continue;  // the end of the function, where control may run into
    const Instruction& last = function.code[block.last - 1];
    for (size_t target : targets(function, last)) block.successors.push_back(block_at.at(target));
    if (falls_through(last)) block.successors.push_back(static_cast<uint32_t>(b + 1));
  }
  return blocks;
}

void FrameLayout::include(const RegisterSlots& slots) {
  words = std::max(words, slots.words);
  wides = std::max(wides, slots.wides);
  predicates = std::max(predicates, slots.predicates);
}

RegisterSlots assign_slots(const Function& function) {
  RegisterSlots slots;
  slots.blocks = basic_blocks(function);
  std::vector<std::vector<uint32_t>> successors;
  for (const BasicBlock& block : slots.blocks) successors.push_back(block.successors);
  slots.order = flow_order(successors);
  // Slot 0 of each class takes what is written to '_', slots 1 to 3 are scratch; predicate 1 is the carry flag.
  slots.words = slots.wides = 4;
  slots.predicates = 2;
  for (const ptx::Register& reg : function.registers) {
    const int bytes = bytes_of(reg.type);
    uint32_t& next = reg.type == ptx::Type::kPred ? slots.predicates : bytes >= 8 ? slots.wides : slots.words;
    slots.index.push_back(next);
    next += bytes == 16 ? 2 : 1;
  }
  return slots;
}

}  // namespace talweg::exec
