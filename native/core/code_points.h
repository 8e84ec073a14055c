#pragma once
// The code points of a text one by one, from UTF-8 or UTF-16. Malformed bytes and lone surrogates are U+FFFD.
#include <string_view>

#include "native/core/utf8.h"

namespace belle {

template <class Visit>
void for_each_code_point(std::string_view text, Visit visit) {
  const char *at = text.data(), *const end = at + text.size();
  while (at != end) {
    const auto byte = [&](int i) { return static_cast<uint32_t>(static_cast<uint8_t>(at[i])); };
    if (byte(0) < 0x80) {
      visit(static_cast<char32_t>(byte(0)));
      ++at;
      continue;
    }
    // Most of Chinese: three bytes, of which the first tells that neither overlong forms nor surrogates are
    // near.
    if (byte(0) > 0xE0 && byte(0) < 0xED && end - at > 2 && (byte(1) & 0xC0) == 0x80 &&
        (byte(2) & 0xC0) == 0x80) {
      visit(static_cast<char32_t>((byte(0) & 0xF) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F)));
      at += 3;
      continue;
    }
    const Utf8Char c = decode_utf8({at, static_cast<size_t>(end - at)});
    visit(static_cast<char32_t>(c.code_point));
    at += c.length;
  }
}

template <class Visit>
void for_each_code_point(std::u16string_view text, Visit visit) {
  for (size_t at = 0; at < text.size(); ++at) {
    const char16_t unit = text[at];
    if ((unit & 0xF800) != 0xD800)
      visit(static_cast<char32_t>(unit));
    else if (unit < 0xDC00 && at + 1 < text.size() && (text[at + 1] & 0xFC00) == 0xDC00)
      visit(static_cast<char32_t>(0x10000 + ((unit & 0x3FFu) << 10 | (text[++at] & 0x3FFu))));
    else
      visit(U'\uFFFD');
  }
}

}  // namespace belle
