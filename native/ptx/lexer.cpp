// PTX tokens: identifiers may hold $ and start with %, numbers come in five spellings (PTX ISA, "Syntax").
#include "lexer.hpp"

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <string>

#include "module.hpp"

namespace talweg::ptx {
namespace {

bool starts_word(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%'; }
bool continues_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    for (;;) {
      skip_blank();
      if (at_ >= source_.size() || source_[at_] == '\0') break;
      tokens.push_back(next());
    }
    Token end;
    end.line = line_;
    tokens.push_back(end);
    return tokens;
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }

  void skip_blank() {
    while (at_ < source_.size()) {
      char c = source_[at_];
      if (c == '\n') {
        line_++;
        at_++;
      } else if (c == ' ' || c == '\t' || c == '\r') {
        at_++;
      } else if (c == '/' && peek(1) == '/') {
        while (at_ < source_.size() && source_[at_] != '\n') at_++;
      } else if (c == '/' && peek(1) == '*') {
        at_ += 2;
        while (at_ < source_.size() && !(source_[at_] == '*' && peek(1) == '/')) {
          if (source_[at_] == '\n') line_++;
          at_++;
        }
        at_ += 2;
      } else {
        return;
      }
    }
  }

  Token next() {
    Token token;
    token.line = line_;
    const size_t start = at_;
    const char c = peek();
    if (starts_word(c)) {
      at_++;
      while (continues_word(peek())) at_++;
      token.kind = TokenKind::kWord;
    } else if (c == '.' && (continues_word(peek(1)))) {
      at_++;
      while (continues_word(peek()) || (peek() == ':' && peek(1) == ':')) at_ += peek() == ':' ? 2 : 1;
      token.kind = TokenKind::kDotted;
    } else if (is_digit(c)) {
      number(token);
    } else if (c == '"') {
      at_++;
      while (at_ < source_.size() && peek() != '"') {
        if (peek() == '\\') at_++;
        at_++;
      }
      token.kind = TokenKind::kString;
      token.text = source_.substr(start + 1, at_ - start - 1);
      at_++;
      return token;
    } else if (std::strchr("{}()[],;:+-*/=<>|&!@~^?", c) != nullptr) {
      at_++;
      token.kind = TokenKind::kPunctuation;
    } else {
      throw LoadError{line_, std::string("unexpected character '") + c + "'"};
    }
    token.text = source_.substr(start, at_ - start);
    return token;
  }

  void number(Token& token) {
    const size_t start = at_;
    const char second = static_cast<char>(std::tolower(static_cast<unsigned char>(peek(1))));
    if (peek() == '0' && (second == 'f' || second == 'd')) {
      const size_t digits = second == 'f' ? 8 : 16;
      at_ += 2;
      token.bits = hex(digits);
      token.kind = second == 'f' ? TokenKind::kFloat32 : TokenKind::kFloat64;
      return;
    }
    while (continues_word(peek())) at_++;
    if (peek() == '.' && is_digit(peek(1))) {
      at_++;
      while (is_digit(peek()) || peek() == 'e' || peek() == 'E') at_ += peek() == 'e' || peek() == 'E' ? 2 : 1;
      const double value = std::strtod(std::string(source_.substr(start, at_ - start)).c_str(), nullptr);
      std::memcpy(&token.bits, &value, sizeof value);
      token.kind = TokenKind::kFloat64;
      return;
    }
    std::string digits(source_.substr(start, at_ - start));
    if (!digits.empty() && (digits.back() == 'U' || digits.back() == 'u')) digits.pop_back();
    int base = 10;
    const char* text = digits.c_str();
    if (digits.size() > 1 && digits[0] == '0') {
      base = second == 'x' ? 16 : second == 'b' ? 2 : 8;
      if (base != 8) text += 2;
    }
    char* end = nullptr;
    token.bits = std::strtoull(text, &end, base);
    if (*end != '\0') throw LoadError{line_, "malformed number '" + digits + "'"};
    token.kind = TokenKind::kInteger;
  }

  uint64_t hex(size_t digits) {
    uint64_t bits = 0;
    for (size_t i = 0; i < digits; i++, at_++) {
      if (!std::isxdigit(static_cast<unsigned char>(peek()))) throw LoadError{line_, "malformed floating-point literal"};
      const char c = static_cast<char>(std::tolower(static_cast<unsigned char>(peek())));
      bits = bits * 16 + static_cast<uint64_t>(is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return bits;
  }

  std::string_view source_;
  size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace talweg::ptx
