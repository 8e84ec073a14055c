#pragma once
// What a character is to the regular expressions of byte-level tokenizers: general category and white space
// of Unicode 16, as Hugging Face tokenizers 0.23 (Oniguruma, Rust regex) and tiktoken 0.14 know it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace belle::tokenizer {

// The letters and marks are apart because o200k asks for them one by one; space is \s (White_Space).
enum class CharacterClass : uint8_t {
  other = 0,
  upper = 1,
  lower = 2,
  title = 3,
  modifier = 4,
  letter = 5,
  mark = 6,
  number = 7,
  space = 8
};

class CharacterClasses {
 public:
  static const CharacterClasses& get();
  // c: a Unicode scalar value.
  CharacterClass of(uint32_t c) const {
    return static_cast<CharacterClass>(blocks_[static_cast<size_t>(index_[c >> 8]) << 8 | (c & 0xFF)]);
  }

 private:
  CharacterClasses();
  std::array<uint16_t, 0x1100> index_{};
  std::vector<uint8_t> blocks_;  // of 256 characters
};

// \w of Rust's regex crate: Alphabetic, marks, decimal digits, connectors, joiners.
bool is_word_character(uint32_t c);

}  // namespace belle::tokenizer
