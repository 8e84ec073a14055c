#pragma once
// The byte-level alphabet of GPT-2: every byte has a printable character (33-126, 161-172 and 174-255
// themselves, the others 256, 257, ... in order), in which such tokenizers write their pieces.
#include <cstdint>
#include <string>
#include <string_view>

namespace belle::tokenizer {

uint32_t byte_level_character(uint8_t byte);
// The byte a character stands for, or -1.
int byte_level_byte(uint32_t character);
// The characters of `bytes`, as UTF-8; appended.
void append_byte_level(std::string_view bytes, std::string* out);
// The bytes of a piece, appended; a piece with a character outside the alphabet stands for its own UTF-8.
void append_byte_level_bytes(std::string_view piece, std::string* out);

}  // namespace belle::tokenizer
