// Shared variables get fixed offsets, since device functions are decoded once for all kernels that call them.
#include "shared_layout.hpp"

#include <algorithm>

namespace talweg::ptx {
namespace {

constexpr uint64_t kDynamicAlign = 16;

uint64_t round_up(uint64_t value, uint64_t align) { return (value + align - 1) / align * align; }

void collect(const Operand& operand, std::set<const Variable*>& variables) {
  if (operand.variable != nullptr && operand.variable->space == Space::kShared) variables.insert(operand.variable);
  for (const Operand& part : operand.parts) collect(part, variables);
}

}  // namespace

std::vector<const Function*> callees(const Translation& translation, const Function& function, bool& indirect) {
  std::vector<const Function*> found;
  indirect = false;
  for (const Instruction& instruction : function.code) {
    if (instruction.opcode != "call") continue;
    for (const Operand& operand : instruction.operands) {
      if (operand.kind == Operand::Kind::kRegister) indirect = true;
      const Function* callee =
          operand.kind == Operand::Kind::kName ? translation.function(operand.name) : nullptr;
      if (callee != nullptr) found.push_back(callee);
    }
  }
  if (indirect) {
    for (const Function& any : translation.functions) {
      if (!any.is_entry && any.has_body) found.push_back(&any);
    }
  }
  return found;
}

std::set<const Function*> reachable(const Translation& translation, const Function& function) {
  std::set<const Function*> seen{&function};
  std::vector<const Function*> open{&function};
  while (!open.empty()) {
    const Function* next = open.back();
    open.pop_back();
    bool indirect = false;
    for (const Function* callee : callees(translation, *next, indirect)) {
      if (seen.insert(callee).second) open.push_back(callee);
    }
  }
  return seen;
}

SharedLayout lay_out_shared(const Translation& translation) {
  SharedLayout layout;
  std::map<const Function*, std::set<const Variable*>> used_by;
  for (const Function& function : translation.functions) {
    for (const Instruction& instruction : function.code) {
      for (const Operand& operand : instruction.operands) collect(operand, used_by[&function]);
    }
    for (const Variable& variable : function.variables) {
      if (variable.space == Space::kShared) used_by[&function].insert(&variable);
    }
  }
  std::map<const Function*, std::set<const Function*>> reach;
  std::map<const Variable*, std::set<const Function*>> kernels_of;
  std::vector<const Variable*> order;
  std::set<const Function*> dynamic;
  for (const Function& kernel : translation.functions) {
    if (!kernel.is_entry) continue;
    reach[&kernel] = reachable(translation, kernel);
    for (const Function* function : reach[&kernel]) {
      for (const Variable* variable : used_by[function]) {
        if (variable->is_extern && variable->size == 0) {
          dynamic.insert(&kernel);
          continue;
        }
        if (kernels_of[variable].empty()) order.push_back(variable);
        kernels_of[variable].insert(&kernel);
      }
    }
  }
  std::sort(order.begin(), order.end(), [](const Variable* a, const Variable* b) {
    return a->line != b->line ? a->line < b->line : a->name < b->name;
  });
  for (const Variable* variable : order) {
    uint64_t offset = 0;
    for (const Function* kernel : kernels_of[variable]) offset = std::max(offset, layout.static_bytes[kernel]);
    offset = round_up(offset, variable->align);
    layout.offsets[variable] = offset;
    for (const Function* kernel : kernels_of[variable]) layout.static_bytes[kernel] = offset + variable->size;
  }
  // A device function sees one dynamic offset whichever kernel calls it, so those kernels must agree.
  for (const Function* kernel : dynamic) {
    layout.static_bytes[kernel] = round_up(layout.static_bytes[kernel], kDynamicAlign);
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (const Function* kernel : dynamic) {
      for (const Function* function : reach[kernel]) {
        uint64_t& offset = layout.dynamic_offset[function];
        if (offset == layout.static_bytes[kernel]) continue;
        offset = layout.static_bytes[kernel] = std::max(offset, layout.static_bytes[kernel]);
        changed = true;
      }
    }
  }
  return layout;
}

}  // namespace talweg::ptx
