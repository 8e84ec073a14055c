#pragma once
// The script of a character as sentencepiece's trainer sees it (src/unicode_script.cc: Unicode 9.0,
// characters without an entry are Common), and whether a character is Han today.
#include <cstdint>

namespace belle::tokenizer {

// Only the scripts that rules name; other values are numbers from unicode_script_table.inc.
enum class Script : uint8_t { common = 0, inherited = 1, han = 2, hiragana = 3, katakana = 4 };

Script unicode_script(char32_t c);

// \p{Script=Han} of Unicode 17: ideographs of all extensions, radicals, 々 〇 and the Suzhou numerals.
bool is_han(char32_t c);

}  // namespace belle::tokenizer
