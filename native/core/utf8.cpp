#include "native/core/utf8.h"

#include "native/core/code_points.h"

namespace belle {

size_t valid_utf8_prefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const Utf8Char c = decode_utf8(text.substr(at));
    if (!c.valid) break;
    at += c.length;
  }
  return at;
}

void append_utf8(uint32_t code_point, std::string* out) {
  const auto put = [&](uint32_t byte) { *out += static_cast<char>(byte); };
  const auto trail = [&](int shift) { put(0x80 | (code_point >> shift & 0x3F)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6), trail(0);
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12), trail(6), trail(0);
  } else {
    put(0xF0 | code_point >> 18), trail(12), trail(6), trail(0);
  }
}

void append_utf8(std::u16string_view utf16, std::string* out) {
  for_each_code_point(utf16, [&](char32_t c) { append_utf8(c, out); });
}

std::string printable(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (out.size() > 76) return out + "...";
    const auto byte = static_cast<unsigned char>(text[at]);
    const Utf8Char c = decode_utf8(text.substr(at));
    if (!c.valid || byte < 0x20 || byte == 0x7F) {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
      ++at;
    } else {
      out.append(text, at, c.length);
      at += c.length;
    }
  }
  return out;
}

}  // namespace belle
