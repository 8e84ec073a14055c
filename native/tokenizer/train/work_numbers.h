#pragma once
// Numbers of work files: LEB128.
#include <cstdint>
#include <string>

namespace belle::tokenizer {

inline void put_number(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

// False when the bytes end inside the number.
inline bool take_number(const char** at, const char* end, uint64_t* out) {
  uint64_t value = 0;
  for (int shift = 0; *at != end && shift < 64; shift += 7) {
    const auto byte = static_cast<uint8_t>(*(*at)++);
    value |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) {
      *out = value;
      return true;
    }
  }
  return false;
}

}  // namespace belle::tokenizer
