// What the parser hands to the decoder: variables, functions and instructions with names resolved, nothing executed.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace talweg::ptx {

enum class Type : uint8_t {
  kNone, kU8, kU16, kU32, kU64, kS8, kS16, kS32, kS64, kB8, kB16, kB32, kB64, kB128, kF16, kF32, kF64, kPred,
  // Only of instructions, never of registers:
  kBf16, kTf32, kF16x2, kBf16x2, kU16x2, kS16x2, kE4m3, kE5m2, kE4m3x2, kE5m2x2, kU4, kS4, kB1,
};

int bytes_of(Type type);  // 0 for kNone and kPred
bool is_float(Type type);
bool is_signed(Type type);
Type type_from(std::string_view dotted);  // ".f32" -> kF32; kNone if it names no type

enum class Space : uint8_t { kGeneric, kParam, kLocal, kShared, kGlobal, kConst };

// A symbol's address inside an initialiser: `bytes` bytes of (address + addend) >> shift.
struct AddressInitialiser {
  uint64_t offset = 0;
  int bytes = 8;
  int shift = 0;
  bool generic = false;
  std::string_view symbol;
  int64_t addend = 0;
  int line = 0;
};

struct Variable {
  std::string_view name;
  Space space = Space::kGeneric;
  uint32_t align = 1;
  uint64_t size = 0;
  bool is_extern = false;
  int line = 0;
  std::vector<uint8_t> bytes;  // initial contents, may be shorter than size
  std::vector<AddressInitialiser> addresses;
};

struct Register {
  std::string_view name;
  Type type;
};

struct Operand {
  enum class Kind : uint8_t {
    kRegister,  // reg
    kInteger,   // bits
    kFloat32,   // bits
    kFloat64,   // bits
    kSpecial,   // name, such as %tid.x
    kVariable,  // variable + offset
    kName,      // a label or a function, known once everything is parsed
    kSink,      // _
    kVector,    // {a, b}: parts
    kList,      // (a, b): parts
    kPair,      // a|b: parts
    kAddress,   // [base + offset]: parts[0] is a register, variable or integer; [object, {coordinates}]: parts[1] too
  };
  Kind kind = Kind::kSink;
  bool negated = false;  // !%p
  int reg = -1;
  uint64_t bits = 0;
  int64_t offset = 0;
  std::string_view name;
  const Variable* variable = nullptr;
  std::vector<Operand> parts;
};

struct Instruction {
  int line = 0;
  int location = -1;  // index into Translation::locations
  int scope = 0;
  int guard = -1;     // predicate register
  bool guard_negated = false;
  std::string_view opcode;
  std::vector<std::string_view> modifiers;  // with their dots
  std::vector<Operand> operands;
};

// Where in the CUDA source an instruction comes from, and where that was inlined.
struct Location {
  int file = 0, line = 0;
  int caller_file = 0, caller_line = 0;  // outermost; 0: not inlined
};

struct Function {
  std::string_view name;
  bool is_entry = false;
  bool has_body = false;
  int line = 0;
  int max_threads = 0;  // of .maxntid or .reqntid, 0 if neither
  int cluster[3] = {};  // of .reqnctapercluster, 0 without it
  int max_cluster_rank = 0;       // of .maxclusterrank, 0 without it
  bool explicit_cluster = false;  // .explicitcluster
  std::vector<const Variable*> parameters, results;
  std::deque<Variable> variables;
  std::vector<Register> registers;
  std::vector<Instruction> code;
  std::vector<int> scope_parent;  // of each brace scope; -1 for the body
  std::map<std::pair<int, std::string_view>, size_t> labels;  // (scope, name) -> index into code
  std::map<std::pair<int, std::string_view>, std::vector<std::string_view>> branch_tables;
};

struct Translation {
  std::deque<Variable> variables;  // module scope
  std::deque<Function> functions;
  std::vector<Location> locations;
  std::map<int, std::string_view> files;
  std::deque<std::string> generated_names;  // of .reg %r<8>: what the registers' names point to

  const Function* function(std::string_view name) const;
};

}  // namespace talweg::ptx
