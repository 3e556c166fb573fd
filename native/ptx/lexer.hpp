// Splits PTX text into tokens. Comments and white space vanish; each token knows its line.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace talweg::ptx {

enum class TokenKind : uint8_t {
  kEnd,
  kWord,         // add, %r1, $L__BB0_1, _Z3foo
  kDotted,       // .f32, .shared::cta, with the leading dot
  kInteger,      // bits hold the value
  kFloat32,      // 0f3F800000: bits hold the 32-bit pattern
  kFloat64,      // 0d..., 1.5: bits hold the 64-bit pattern
  kString,       // text without the quotes
  kPunctuation,  // one character
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;
  int line = 0;
  uint64_t bits = 0;

  bool is(char punctuation) const { return kind == TokenKind::kPunctuation && text[0] == punctuation; }
  bool is(std::string_view words) const {
    return (kind == TokenKind::kWord || kind == TokenKind::kDotted) && text == words;
  }
};

// The last token is kEnd. Throws LoadError on a character that no PTX token starts with.
std::vector<Token> tokenize(std::string_view source);

}  // namespace talweg::ptx
