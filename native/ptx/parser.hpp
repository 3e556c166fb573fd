// PTX text to IR.
#pragma once

#include "ir.hpp"
#include "lexer.hpp"

namespace talweg::ptx {

// Views in the result point into `source`. Throws LoadError.
Translation parse(std::string_view source);

// The token stream and what both halves of the parser need of it.
class Cursor {
 public:
  explicit Cursor(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& peek(size_t ahead = 0) const {
    return tokens_[at_ + ahead < tokens_.size() ? at_ + ahead : tokens_.size() - 1];
  }
  const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  int line() const { return peek().line; }

  bool accept(char punctuation) {
    if (!peek().is(punctuation)) return false;
    take();
    return true;
  }
  bool accept(std::string_view word) {
    if (!peek().is(word)) return false;
    take();
    return true;
  }
  void expect(char punctuation);
  std::string_view word();
  int64_t integer();  // with an optional minus sign
  void skip_past(char punctuation);  // an error if there is none
  [[noreturn]] void fail(const std::string& message) const;

 private:
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

// Names visible at one point of a function: registers and variables, innermost scope last.
class Names {
 public:
  explicit Names(Function& function) : function_(function) {}

  void open();
  void close();
  int scope() const { return static_cast<int>(stack_.back().id); }
  void add_register(std::string_view name, Type type);
  void add_variable(const Variable* variable) { stack_.back().variables[variable->name] = variable; }
  int find_register(std::string_view name) const;  // -1 if unknown
  const Variable* find_variable(std::string_view name) const;

 private:
  struct Scope {
    int id;
    std::map<std::string_view, int> registers;
    std::map<std::string_view, const Variable*> variables;
  };
  Function& function_;
  std::vector<Scope> stack_;
};

// One instruction, up to and including its semicolon.
Instruction parse_instruction(Cursor& cursor, const Names& names, const std::map<std::string_view, const Variable*>& globals);

}  // namespace talweg::ptx
