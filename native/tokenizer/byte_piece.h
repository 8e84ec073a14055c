#pragma once
// The names of byte pieces: <0x00> to <0xFF>, upper-case hexadecimal and nothing else.
#include <cstdint>
#include <string>
#include <string_view>

namespace belle::tokenizer {

inline std::string byte_piece(uint8_t byte) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  return {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
}

// The byte a piece stands for, or -1.
inline int byte_of_piece(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  const int high = digit(piece[3]), low = digit(piece[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace belle::tokenizer
