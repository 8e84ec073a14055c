#pragma once
#include <cstddef>

namespace belle::tokenizer {

// Bytes of a text.
struct ByteRange {
  size_t begin = 0, end = 0;
  bool operator==(const ByteRange&) const = default;
};

}  // namespace belle::tokenizer
