#pragma once
// PrefixMatcher: the longest of a set of strings that a text begins with; for user-defined pieces.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace belle::tokenizer {

class PrefixMatcher {
 public:
  PrefixMatcher() = default;
  // Empty strings never match.
  explicit PrefixMatcher(std::vector<std::string> strings);
  bool empty() const { return strings_.empty(); }
  // Bytes of the longest match at the start of `text`, or 0.
  size_t match(std::string_view text) const;

 private:
  std::vector<std::string> strings_;  // sorted by bytes, distinct
  std::array<uint32_t, 257>
      first_byte_{};  // strings that begin with byte b: [first_byte_[b], first_byte_[b + 1])
};

}  // namespace belle::tokenizer
