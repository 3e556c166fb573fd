// Instructions and their operands.
#include "parser.hpp"

#include "module.hpp"

namespace talweg::ptx {
namespace {

using Kind = Operand::Kind;
using Globals = std::map<std::string_view, const Variable*>;

class OperandParser {
 public:
  OperandParser(Cursor& cursor, const Names& names, const Globals& globals)
      : cursor_(cursor), names_(names), globals_(globals) {}

  Operand operand() {
    Operand first = simple();
    if (!cursor_.accept('|')) return first;
    Operand pair;
    pair.kind = Kind::kPair;
    pair.parts.push_back(std::move(first));
    pair.parts.push_back(simple());
    return pair;
  }

 private:
  struct Nesting {
    explicit Nesting(OperandParser& parser) : depth(parser.depth_) {
      if (++depth > 16) parser.cursor_.fail("operands nest too deep");
    }
    ~Nesting() { depth--; }
    int& depth;
  };

  Operand simple() {
    const Nesting nesting(*this);
    if (cursor_.accept('{')) return group(Kind::kVector, '}');
    if (cursor_.accept('(')) return group(Kind::kList, ')');
    if (cursor_.accept('[')) return address();
    if (cursor_.accept('!')) {
      Operand operand = simple();
      operand.negated = !operand.negated;
      return operand;
    }
    return atom();
  }

  Operand group(Kind kind, char closing) {
    Operand operand;
    operand.kind = kind;
    while (!cursor_.accept(closing)) {
      operand.parts.push_back(simple());
      if (!cursor_.accept(',') && !cursor_.peek().is(closing)) cursor_.fail("expected ',' in an operand list");
    }
    return operand;
  }

  Operand address() {
    Operand operand;
    operand.kind = Kind::kAddress;
    Operand base = atom();
    operand.offset = base.offset;
    base.offset = 0;
    operand.parts.push_back(std::move(base));
    if (cursor_.accept(',')) operand.parts.push_back(simple());
    cursor_.expect(']');
    return operand;
  }

  // A register, number, special register or symbol, with an optional +offset.
  Operand atom() {
    Operand operand;
    const Token& token = cursor_.peek();
    if (token.kind == TokenKind::kWord) {
      named(operand);
    } else {
      number(operand);
      return operand;
    }
    while (cursor_.peek().is('+') || cursor_.peek().is('-')) {
      const bool minus = cursor_.take().is('-');
      const int64_t value = cursor_.integer();
      operand.offset += minus ? -value : value;
    }
    return operand;
  }

  void named(Operand& operand) {
    const std::string_view name = cursor_.take().text;
    if (name == "_") return;
    operand.name = name;
    operand.reg = names_.find_register(name);
    if (operand.reg >= 0) {
      operand.kind = Kind::kRegister;
      return;
    }
    if (name == "WARP_SZ") {
      operand.kind = Kind::kInteger;
      operand.bits = 32;
      return;
    }
    if (name[0] == '%') {
      operand.kind = Kind::kSpecial;
      if (cursor_.peek().kind == TokenKind::kDotted) {
        const std::string_view part = cursor_.take().text;
        operand.name = std::string_view(name.data(), static_cast<size_t>(part.data() + part.size() - name.data()));
      }
      return;
    }
    operand.variable = names_.find_variable(name);
    if (operand.variable == nullptr) {
      auto found = globals_.find(name);
      if (found != globals_.end()) operand.variable = found->second;
    }
    operand.kind = operand.variable != nullptr ? Kind::kVariable : Kind::kName;
  }

  void number(Operand& operand) {
    bool minus = false, complement = false;
    for (;; cursor_.take()) {
      if (cursor_.peek().is('-')) minus = !minus;
      else if (cursor_.peek().is('~')) complement = true;
      else break;
    }
    const Token& token = cursor_.take();
    operand.bits = token.bits;
    if (token.kind == TokenKind::kInteger) {
      operand.kind = Kind::kInteger;
      if (complement) operand.bits = ~operand.bits;
      if (minus) operand.bits = 0 - operand.bits;
    } else if (token.kind == TokenKind::kFloat32) {
      operand.kind = Kind::kFloat32;
      if (minus) operand.bits ^= 0x80000000u;
    } else if (token.kind == TokenKind::kFloat64) {
      operand.kind = Kind::kFloat64;
      if (minus) operand.bits ^= 0x8000000000000000u;
    } else {
      throw LoadError{token.line, "unexpected '" + std::string(token.text) + "' where an operand should be"};
    }
  }

  Cursor& cursor_;
  const Names& names_;
  const Globals& globals_;
  int depth_ = 0;
};

}  // namespace

Instruction parse_instruction(Cursor& cursor, const Names& names, const Globals& globals) {
  Instruction instruction;
  instruction.line = cursor.line();
  instruction.scope = names.scope();
  if (cursor.accept('@')) {
    instruction.guard_negated = cursor.accept('!');
    const std::string_view name = cursor.word();
    instruction.guard = names.find_register(name);
    if (instruction.guard < 0) cursor.fail("unknown predicate '" + std::string(name) + "'");
  }
  instruction.opcode = cursor.word();
  while (cursor.peek().kind == TokenKind::kDotted) instruction.modifiers.push_back(cursor.take().text);
  OperandParser operands(cursor, names, globals);
  while (!cursor.accept(';')) {
    instruction.operands.push_back(operands.operand());
    if (!cursor.accept(',') && !cursor.peek().is(';')) {
      cursor.fail("expected ',' or ';' after an operand, found '" + std::string(cursor.peek().text) + "'");
    }
  }
  return instruction;
}

}  // namespace talweg::ptx
