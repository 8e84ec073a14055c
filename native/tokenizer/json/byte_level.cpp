#include "native/tokenizer/json/byte_level.h"

#include <array>

#include "native/core/utf8.h"

namespace belle::tokenizer {
namespace {

constexpr bool is_itself(uint32_t byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
}

constexpr auto kCharacters = [] {
  std::array<uint16_t, 256> characters{};
  uint16_t next = 256;
  for (uint32_t byte = 0; byte < 256; ++byte)
    characters[byte] = is_itself(byte) ? static_cast<uint16_t>(byte) : next++;
  return characters;
}();

constexpr uint32_t kEnd = 256 + 68;  // 68 bytes are not themselves

constexpr auto kBytes = [] {
  std::array<int16_t, kEnd> bytes{};
  for (auto& byte : bytes) byte = -1;
  for (int byte = 0; byte < 256; ++byte)
    bytes[kCharacters[static_cast<size_t>(byte)]] = static_cast<int16_t>(byte);
  return bytes;
}();

}  // namespace

uint32_t byte_level_character(uint8_t byte) { return kCharacters[byte]; }

int byte_level_byte(uint32_t character) { return character < kEnd ? kBytes[character] : -1; }

void append_byte_level(std::string_view bytes, std::string* out) {
  for (const char byte : bytes) append_utf8(kCharacters[static_cast<uint8_t>(byte)], out);
}

void append_byte_level_bytes(std::string_view piece, std::string* out) {
  const size_t before = out->size();
  for (size_t at = 0; at < piece.size();) {
    const Utf8Char c = decode_utf8(piece.substr(at));
    const int byte = c.valid ? byte_level_byte(c.code_point) : -1;
    if (byte < 0) {
      out->resize(before);
      out->append(piece);
      return;
    }
    *out += static_cast<char>(byte);
    at += c.length;
  }
}

}  // namespace belle::tokenizer
