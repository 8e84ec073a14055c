#pragma once
// UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing past U+10FFFF.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace belle {

// Length of the longest prefix that is valid UTF-8; text.size() when all of it is.
size_t valid_utf8_prefix(std::string_view text);

// code_point must be a Unicode scalar value.
void append_utf8(uint32_t code_point, std::string* out);

// For error messages: at most 80 bytes, control characters and invalid bytes written as \xNN.
std::string printable(std::string_view text);

}  // namespace belle
