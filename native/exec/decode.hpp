// IR to executable code. Each family of instructions brings a table of opcodes; a decoder of one opcode looks at the
// modifiers and operands through Decoder and emits instructions. What nobody asked for is an error.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "../ptx/ir.hpp"
#include "../ptx/module.hpp"
#include "program.hpp"
#include "register_slots.hpp"

namespace talweg::exec {

using ptx::Operand;
using ptx::Type;

class Decoder;
using DecodeFunction = void (*)(Decoder&);
struct Opcode {
  const char* name;
  DecodeFunction decode;
};
using OpcodeTable = std::initializer_list<Opcode>;

// Integer and float tables share names such as add; the instruction's last type decides.
std::vector<std::string_view> opcode_names();  // of all tables, sorted

extern const OpcodeTable kFloatOpcodes, kIntegerOpcodes, kLogicOpcodes, kMoveOpcodes, kConvertOpcodes, kCompareOpcodes,
    kMemoryOpcodes, kAtomicOpcodes, kControlOpcodes, kBarrierOpcodes, kSyncOpcodes, kApproximateOpcodes, kMatrixOpcodes,
    kAsyncOpcodes, kVideoOpcodes, kClusterOpcodes, kMbarrierOpcodes, kTextureOpcodes, kSurfaceOpcodes;

// Where variables lie: filled by ptx::Module before functions are decoded.
struct Addresses {
  std::map<const ptx::Variable*, uint64_t> fixed;            // .global and .const; .shared, by offset
  std::map<const ptx::Variable*, uint32_t> frame;            // .local, and .param of device functions
  std::map<const ptx::Variable*, uint32_t> kernel_parameter; // offset in the parameter block
  uint32_t dynamic_shared = 0;                               // of the function being decoded
  std::map<std::string_view, uint32_t> functions;            // index into Program::functions
};

// Constants of a module, each broadcast to a slot of its own.
class ConstantPool {
 public:
  ConstantPool() { word(kAll); }
  Slot word(uint32_t value);
  Slot wide(uint64_t value);
  Slot all_lanes() { return word(kAll); }  // as a predicate
  AlignedBuffer build() const;

 private:
  static constexpr uint32_t kAll = 0xffffffffu;
  Slot add(uint32_t bytes);
  std::map<uint32_t, Slot> words_;
  std::map<uint64_t, Slot> wides_;
  uint32_t bytes_ = 0;
};

// Decodes one function's body; the view of the current instruction that opcode decoders use.
class Decoder {
 public:
  Decoder(const ptx::Function& source, Program& program, ConstantPool& constants, const Addresses& addresses,
          const RegisterSlots& slots, const FrameLayout& layout);
  void run();

  const ptx::Instruction& instruction() const { return *instruction_; }
  std::string_view opcode() const { return instruction_->opcode; }
  size_t operand_count() const { return instruction_->operands.size(); }
  const Operand& operand(size_t index) const;
  [[noreturn]] void fail(const std::string& message) const;
  void expect_operands(size_t least, size_t most = 0) const;

  // Modifiers. Those not taken when the opcode's decoder returns are refused.
  bool take(std::string_view modifier);
  int take_one_of(std::initializer_list<std::string_view> modifiers);  // index, or -1
  int take_first_of(std::initializer_list<std::string_view> modifiers);  // as they stand in the instruction
  void ignore(std::initializer_list<std::string_view> modifiers);      // hints without an effect on results
  Type take_type();      // the first type not yet taken, or an error; one that registers hold values of
  Type take_any_type();  // .pred and types of less than a byte too
  bool has(std::string_view modifier) const;

  // Operands. The type's size must be the register's; `_any_width` only wants it no smaller.
  Slot read(size_t index, Type type) { return read(operand(index), type); }
  Slot read(const Operand& operand, Type type);
  Slot write(size_t index, Type type) { return write(operand(index), type); }
  Slot write(const Operand& operand, Type type);
  Slot read_any_width(const Operand& operand, Type type, int& register_bytes);
  Slot write_any_width(const Operand& operand, Type type, int& register_bytes);
  Slot read_predicate(const Operand& operand);   // ignores '!': see Operand::negated
  Slot write_predicate(const Operand& operand);
  int register_bytes(const Operand& operand) const;  // 4, 8 or 16; 0 for a predicate
  uint64_t immediate(const Operand& operand) const;
  Slot constant(Type type, uint64_t bits);
  // For what is written and read at once, or never read. There are four of each class.
  Slot scratch(Type type, uint32_t index = 0) const;
  Slot carry() const { return layout_.predicate(1) | kFrame; }  // the flag of add.cc and its kin
  bool is_register(const Operand& operand) const { return operand.kind == Operand::Kind::kRegister; }

  // The address of a variable in its own space, as an instruction can hold it.
  uint64_t address_of(const ptx::Variable& variable) const;
  const Addresses& addresses() const { return addresses_; }
  const ptx::Function& function() const { return source_; }
  Program& program() { return program_; }
  ConstantPool& constants() { return constants_; }

  Instr& emit(Handler run, Slot dst = 0, Slot a = 0, Slot b = 0, Slot c = 0, Slot d = 0);
  int32_t remember_allocation() { return static_cast<int32_t>(program_.remembered_allocations++); }

  // Control flow: the last emitted instruction jumps to the label; run() fills in the distance, and replaces the
  // handler by `backward` where it is not positive.
  void jump_to(std::string_view label, Handler backward);
  void branch_table(uint32_t table, const std::vector<std::string_view>& labels);
  const std::vector<std::string_view>& branch_targets(std::string_view name) const;

 private:
  struct Jump {
    size_t instr;
    size_t target;  // basic block
    Handler backward;
  };
  struct TableJump {
    uint32_t table;
    std::vector<size_t> targets;
    size_t instr;
  };

  void decode(const ptx::Instruction& instruction);
  size_t label(std::string_view name) const;

  const ptx::Function& source_;
  Program& program_;
  ConstantPool& constants_;
  const Addresses& addresses_;
  const RegisterSlots& slots_;
  const FrameLayout& layout_;
  const ptx::Instruction* instruction_ = nullptr;
  std::vector<bool> taken_;
  std::vector<Jump> jumps_;
  std::vector<TableJump> table_jumps_;
};

}  // namespace talweg::exec
