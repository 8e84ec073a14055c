#pragma once
// Bytes that come in pieces, to whole characters.
#include <string>

namespace belle::tokenizer {

// Takes the whole characters from the front of `bytes` and appends them to `text`, each malformed byte as
// U+FFFD. What may still become a character stays, unless this is the end.
void take_characters(std::string* bytes, bool end, std::string* text);

}  // namespace belle::tokenizer
