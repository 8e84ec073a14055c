#pragma once
// U+2581, which stands for a space in the pieces of sentencepiece.
#include <string_view>

namespace belle::tokenizer {

inline constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";
inline constexpr char32_t kSpaceCharacter = 0x2581;

}  // namespace belle::tokenizer
