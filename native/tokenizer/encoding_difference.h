#pragma once
// EncodingDifference: where two encodings of a line part, to be shown to people.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "native/tokenizer/tokenizer.h"

namespace belle::tokenizer {

struct EncodingDifference {
  // Pieces shown: some before the first difference, and so many in all.
  static constexpr size_t kShownBefore = 2, kShownPieces = 12;
  std::string text;    // the line's first 200 characters
  uint64_t token = 0;  // the first that differs
  // From shortly before it on.
  std::vector<std::string> before, after;
};

struct Encoding {
  const Tokenizer& tokenizer;
  std::span<const int32_t> ids;
};

EncodingDifference first_difference(std::string_view line, const Encoding& before, const Encoding& after);

}  // namespace belle::tokenizer
