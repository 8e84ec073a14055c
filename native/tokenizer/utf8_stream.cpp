#include "native/tokenizer/utf8_stream.h"

#include "native/core/utf8.h"

namespace belle::tokenizer {
namespace {

// Whether bytes could follow that make `text` begin with a character: filled up with the least and the most
// that may stand there, one of the two must be one.
bool unfinished(std::string_view text) {
  const size_t length = utf8_announced_length(text[0]);
  if (text.size() >= length) return false;
  for (const char fill : {'\x80', '\xBF'}) {
    std::string whole(text);
    whole.resize(length, fill);
    if (decode_utf8(whole).valid) return true;
  }
  return false;
}

}  // namespace

void take_characters(std::string* bytes, bool end, std::string* text) {
  std::string_view rest = *bytes;
  while (!rest.empty()) {
    const Utf8Char c = decode_utf8(rest);
    if (!c.valid && !end && unfinished(rest)) break;
    text->append(c.valid ? rest.substr(0, c.length) : "\xEF\xBF\xBD");
    rest.remove_prefix(c.length);
  }
  bytes->erase(0, bytes->size() - rest.size());
}

}  // namespace belle::tokenizer
