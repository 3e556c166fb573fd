// Decodes one function: blocks in execution order, opcodes through their tables, then the jumps.
#include "decode.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <unordered_map>

#include "control_flow.hpp"

namespace talweg::exec {
namespace {

using ptx::Instruction;
using ptx::LoadError;

struct Tables {
  std::unordered_map<std::string_view, DecodeFunction> any, floats, integers;

  Tables() {
    for (const OpcodeTable* table : {&kMoveOpcodes, &kConvertOpcodes, &kCompareOpcodes, &kMemoryOpcodes, &kAtomicOpcodes,
                                     &kControlOpcodes, &kBarrierOpcodes, &kSyncOpcodes, &kLogicOpcodes, &kMatrixOpcodes,
                                     &kAsyncOpcodes, &kVideoOpcodes, &kClusterOpcodes, &kMbarrierOpcodes,
                                     &kTextureOpcodes, &kSurfaceOpcodes}) {
      for (const Opcode& opcode : *table) any[opcode.name] = opcode.decode;
    }
    for (const OpcodeTable* table : {&kFloatOpcodes, &kApproximateOpcodes}) {
      for (const Opcode& opcode : *table) floats[opcode.name] = opcode.decode;
    }
    for (const Opcode& opcode : kIntegerOpcodes) integers[opcode.name] = opcode.decode;
  }

  DecodeFunction find(const Instruction& instruction) const {
    auto found = any.find(instruction.opcode);
    if (found != any.end()) return found->second;
    Type last = Type::kNone;
    for (std::string_view modifier : instruction.modifiers) {
      if (ptx::type_from(modifier) != Type::kNone) last = ptx::type_from(modifier);
    }
    const auto& family = ptx::is_float(last) ? floats : integers;
    found = family.find(instruction.opcode);
    return found != family.end() ? found->second : nullptr;
  }
};

const Tables& tables() {
  static const Tables instance;
  return instance;
}

}  // namespace

std::vector<std::string_view> opcode_names() {
  std::set<std::string_view> names;
  for (const auto* family : {&tables().any, &tables().floats, &tables().integers}) {
    for (const auto& entry : *family) names.insert(entry.first);
  }
  return {names.begin(), names.end()};
}

Slot ConstantPool::add(uint32_t bytes) {
  // Wide slots first would align better, but constants arrive in any order: 128-byte steps suit both.
  const Slot slot = bytes_ | kConstants;
  bytes_ += bytes;
  return slot;
}

Slot ConstantPool::word(uint32_t value) {
  auto [entry, fresh] = words_.try_emplace(value, 0);
  if (fresh) entry->second = add(kSlotBytes32);
  return entry->second;
}

Slot ConstantPool::wide(uint64_t value) {
  auto [entry, fresh] = wides_.try_emplace(value, 0);
  if (fresh) entry->second = add(kSlotBytes64);
  return entry->second;
}

AlignedBuffer ConstantPool::build() const {
  AlignedBuffer buffer(bytes_);
  for (const auto& [value, slot] : words_) {
    std::fill_n(reinterpret_cast<uint32_t*>(buffer.data() + (slot & ~kBaseMask)), 32, value);
  }
  for (const auto& [value, slot] : wides_) {
    std::fill_n(reinterpret_cast<uint64_t*>(buffer.data() + (slot & ~kBaseMask)), 32, value);
  }
  return buffer;
}

Decoder::Decoder(const ptx::Function& source, Program& program, ConstantPool& constants, const Addresses& addresses,
                 const RegisterSlots& slots, const FrameLayout& layout)
    : source_(source), program_(program), constants_(constants), addresses_(addresses), slots_(slots), layout_(layout) {}

void Decoder::run() {
  std::vector<size_t> start_of(slots_.blocks.size(), 0);
  Instruction fall_off;
  fall_off.opcode = "ret";
  fall_off.line = source_.line;
  for (size_t i = 0; i < slots_.order.size(); i++) {
    const uint32_t b = slots_.order[i];
    const BasicBlock& block = slots_.blocks[b];
    start_of[b] = program_.code.size();
    for (size_t at = block.first; at < block.last; at++) decode(source_.code[at]);
    if (block.first == block.last) {
      decode(fall_off);
      continue;
    }
    // Where control falls out of the block, into a block that is laid out elsewhere.
    const bool falls = !block.successors.empty() && block.successors.back() == b + 1 &&
                       (source_.code[block.last - 1].guard >= 0 || source_.code[block.last - 1].opcode != "bra");
    if (falls && (i + 1 == slots_.order.size() || slots_.order[i + 1] != b + 1)) {
      emit(&jump_forward);
      program_.code.back().guard = constants_.all_lanes();
      program_.code.back().guard_flip = 0;
      program_.classes.push_back(count::Class::kNone);
      program_.branches.push_back(false);
      jumps_.push_back({program_.code.size() - 1, b + 1, &jump_backward});
    }
  }
  for (const Jump& jump : jumps_) {
    Instr& instr = program_.code[jump.instr];
    instr.jump = static_cast<int32_t>(start_of[jump.target]) - static_cast<int32_t>(jump.instr);
    if (instr.jump <= 0) instr.run = jump.backward;
  }
  for (const TableJump& jump : table_jumps_) {
    for (size_t target : jump.targets) {
      program_.branch_tables[jump.table].push_back(static_cast<int32_t>(start_of[target]) -
                                                   static_cast<int32_t>(jump.instr));
    }
  }
}

void Decoder::decode(const Instruction& instruction) {
  instruction_ = &instruction;
  taken_.assign(instruction.modifiers.size(), false);
  const DecodeFunction decoder = tables().find(instruction);
  if (decoder == nullptr) {
    std::string name(instruction.opcode);
    for (std::string_view modifier : instruction.modifiers) name += modifier;
    fail("unknown instruction '" + name + "'");
  }
  const std::string_view op = instruction.opcode;
  if (has(".b128") && op != "mov" && op != "ld" && op != "st" && op != "atom") fail("'" + std::string(op) + "' knows no .b128");
  const bool of_image = op == "tex" || op == "tld4" || op == "suld" || op == "sust";
  for (const Operand& one : instruction.operands) {
    if (one.kind == Operand::Kind::kAddress && one.parts.size() > 1 && !of_image) fail("'" + std::string(op) + "' takes no coordinates");
  }
  const size_t first = program_.code.size();
  decoder(*this);
  program_.classes.resize(program_.code.size(), count::Class::kNone);
  program_.branches.resize(program_.code.size(), false);
  if (first < program_.code.size()) {
    program_.classes[first] = count::class_of(instruction);
    program_.branches[first] = instruction.opcode == "brx" || (instruction.opcode == "bra" && instruction.guard >= 0);
  }
  for (size_t i = 0; i < taken_.size(); i++) {
    if (!taken_[i]) {
      fail("unknown modifier '" + std::string(instruction.modifiers[i]) + "' of '" + std::string(opcode()) + "'");
    }
  }
}

void Decoder::fail(const std::string& message) const { throw LoadError{instruction_->line, message}; }

const Operand& Decoder::operand(size_t index) const {
  if (index >= operand_count()) {
    fail("'" + std::string(opcode()) + "' has " + std::to_string(operand_count()) + " operands, too few");
  }
  return instruction_->operands[index];
}

void Decoder::expect_operands(size_t least, size_t most) const {
  if (operand_count() < least || operand_count() > std::max(least, most)) {
    fail("'" + std::string(opcode()) + "' cannot have " + std::to_string(operand_count()) + " operands");
  }
}

bool Decoder::take(std::string_view modifier) {
  for (size_t i = 0; i < taken_.size(); i++) {
    if (!taken_[i] && instruction_->modifiers[i] == modifier) {
      taken_[i] = true;
      return true;
    }
  }
  return false;
}

int Decoder::take_one_of(std::initializer_list<std::string_view> modifiers) {
  int index = 0;
  for (std::string_view modifier : modifiers) {
    if (take(modifier)) return index;
    index++;
  }
  return -1;
}

int Decoder::take_first_of(std::initializer_list<std::string_view> modifiers) {
  for (size_t i = 0; i < taken_.size(); i++) {
    const auto found = std::find(modifiers.begin(), modifiers.end(), instruction_->modifiers[i]);
    if (taken_[i] || found == modifiers.end()) continue;
    taken_[i] = true;
    return static_cast<int>(found - modifiers.begin());
  }
  return -1;
}

void Decoder::ignore(std::initializer_list<std::string_view> modifiers) {
  for (std::string_view modifier : modifiers) take(modifier);
}

Type Decoder::take_type() {
  const Type type = take_any_type();
  if (ptx::bytes_of(type) == 0) fail("'" + std::string(opcode()) + "' knows no such type");
  return type;
}

Type Decoder::take_any_type() {
  for (size_t i = 0; i < taken_.size(); i++) {
    const Type type = ptx::type_from(instruction_->modifiers[i]);
    if (!taken_[i] && type != Type::kNone) {
      taken_[i] = true;
      return type;
    }
  }
  fail("'" + std::string(opcode()) + "' lacks a type");
}

bool Decoder::has(std::string_view modifier) const {
  const auto& modifiers = instruction_->modifiers;
  return std::find(modifiers.begin(), modifiers.end(), modifier) != modifiers.end();
}

Instr& Decoder::emit(Handler run, Slot dst, Slot a, Slot b, Slot c, Slot d) {
  Instr instr{};
  instr.run = run;
  instr.dst = dst;
  instr.a = a;
  instr.b = b;
  instr.c = c;
  instr.d = d;
  instr.guard = constants_.all_lanes();
  if (instruction_->guard >= 0) {
    const size_t guard = static_cast<size_t>(instruction_->guard);
    if (source_.registers[guard].type != Type::kPred) fail("a guard must be a predicate");
    instr.guard = layout_.predicate(slots_.index[guard]) | kFrame;
    instr.guard_flip = instruction_->guard_negated ? 0xffffffffu : 0;
  }
  program_.code.push_back(instr);
  program_.places.push_back(instruction_->location);
  program_.ptx_lines.push_back(instruction_->line);
  return program_.code.back();
}

size_t Decoder::label(std::string_view name) const {
  const size_t at = find_label(source_, name, instruction_->scope, instruction_->line);
  for (size_t b = 0; b < slots_.blocks.size(); b++) {
    if (slots_.blocks[b].first == at) return b;
  }
  fail("label '" + std::string(name) + "' leads nowhere");
}

void Decoder::jump_to(std::string_view name, Handler backward) {
  jumps_.push_back({program_.code.size() - 1, label(name), backward});
}

void Decoder::branch_table(uint32_t table, const std::vector<std::string_view>& labels) {
  TableJump jump{table, {}, program_.code.size() - 1};
  for (std::string_view name : labels) jump.targets.push_back(label(name));
  table_jumps_.push_back(std::move(jump));
}

const std::vector<std::string_view>& Decoder::branch_targets(std::string_view name) const {
  return find_branch_table(source_, name, instruction_->scope, instruction_->line);
}

}  // namespace talweg::exec
