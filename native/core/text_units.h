#pragma once
// Places in a UTF-8 text, counted as other languages count them.
#include <cstdint>
#include <string_view>
#include <vector>

#include "native/core/utf8.h"

namespace belle {

// For every byte of the text and for its end: how many UTF-16 units or code points stand before it. Inside a
// character it is the count at its end.
inline std::vector<uint32_t> units_before(std::string_view text, bool utf16) {
  std::vector<uint32_t> units{0};
  units.reserve(text.size() + 1);
  for (size_t at = 0; at < text.size(); at = units.size() - 1) {
    const Utf8Char c = decode_utf8(text.substr(at));
    units.insert(units.end(), c.length, units.back() + (utf16 && c.code_point > 0xFFFF ? 2 : 1));
  }
  return units;
}

}  // namespace belle
