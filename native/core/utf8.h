#pragma once
// UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing past U+10FFFF.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace belle {

struct Utf8Char {
  uint32_t code_point;  // U+FFFD when not valid
  uint32_t length;      // bytes to advance: 1 when not valid
  bool valid;
};

// The length a lead byte announces: 1 to 4; continuation bytes count as 1.
constexpr uint32_t utf8_announced_length(char lead) {
  const auto byte = static_cast<uint8_t>(lead);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

// The character at the start of `text`, which must not be empty.
inline Utf8Char decode_utf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  const auto continues = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  constexpr Utf8Char bad{0xFFFD, 1, false};
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  if (lead >= 0xC2 && lead < 0xE0) {
    if (text.size() < 2 || !continues(1)) return bad;
    return {(lead & 0x1F) << 6 | (byte(1) & 0x3F), 2, true};
  }
  if (lead >= 0xE0 && lead < 0xF0) {
    if (text.size() < 3 || !continues(1) || !continues(2)) return bad;
    const uint32_t point = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    if (point < 0x800 || (point >= 0xD800 && point < 0xE000)) return bad;
    return {point, 3, true};
  }
  if (lead >= 0xF0 && lead < 0xF5) {
    if (text.size() < 4 || !continues(1) || !continues(2) || !continues(3)) return bad;
    const uint32_t point =
        (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    if (point < 0x10000 || point > 0x10FFFF) return bad;
    return {point, 4, true};
  }
  return bad;
}

// Length of the longest prefix that is valid UTF-8; text.size() when all of it is.
size_t valid_utf8_prefix(std::string_view text);

// code_point must be a Unicode scalar value.
void append_utf8(uint32_t code_point, std::string* out);

// UTF-16; a lone surrogate becomes U+FFFD.
void append_utf8(std::u16string_view utf16, std::string* out);

// For error messages: at most 80 bytes, control characters and invalid bytes written as \xNN.
std::string printable(std::string_view text);

}  // namespace belle
