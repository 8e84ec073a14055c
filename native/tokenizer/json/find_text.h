#pragma once
// A text inside a text in linear time, whatever the two are; std::string_view::find is quadratic for some.
#include <cstring>
#include <string_view>

namespace belle::tokenizer {

// The first place from `from` on; npos when there is none. `sought` is not empty.
inline size_t find_text(std::string_view text, std::string_view sought, size_t from = 0) {
  if (from >= text.size()) return text.npos;
  const void* found = memmem(text.data() + from, text.size() - from, sought.data(), sought.size());
  return found ? static_cast<size_t>(static_cast<const char*>(found) - text.data()) : text.npos;
}

}  // namespace belle::tokenizer
