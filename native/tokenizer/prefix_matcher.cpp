#include "native/tokenizer/prefix_matcher.h"

#include <algorithm>

namespace belle::tokenizer {

PrefixMatcher::PrefixMatcher(std::vector<std::string> strings) : strings_(std::move(strings)) {
  std::erase(strings_, std::string());
  std::sort(strings_.begin(), strings_.end());
  strings_.erase(std::unique(strings_.begin(), strings_.end()), strings_.end());
  for (const std::string& s : strings_) ++first_byte_[static_cast<uint8_t>(s[0]) + 1u];
  for (size_t b = 1; b < first_byte_.size(); ++b) first_byte_[b] += first_byte_[b - 1];
}

size_t PrefixMatcher::match(std::string_view text) const {
  if (text.empty() || strings_.empty()) return 0;
  const auto first = static_cast<uint8_t>(text[0]);
  auto begin = strings_.begin() + first_byte_[first], end = strings_.begin() + first_byte_[first + 1u];
  size_t longest = 0;
  // [begin, end): the strings that share text's first `depth` bytes; a string of just those sorts first.
  for (size_t depth = 1; begin != end; ++depth) {
    if (begin->size() == depth) {
      longest = depth;
      ++begin;
    }
    if (depth == text.size()) break;
    const auto byte = static_cast<uint8_t>(text[depth]);
    const auto at = [depth](const std::string& s) { return static_cast<uint8_t>(s[depth]); };
    begin = std::lower_bound(begin, end, byte, [&](const std::string& s, uint8_t b) { return at(s) < b; });
    end = std::upper_bound(begin, end, byte, [&](uint8_t b, const std::string& s) { return b < at(s); });
  }
  return longest;
}

}  // namespace belle::tokenizer
