#pragma once
// DoubleArray: prefix search in a Darts-clone double-array trie (github.com/s-yata/darts-clone, the form
// inside sentencepiece's precompiled charsmap). A unit is 32 bits: bits 0-7 and 31 label, bit 8 "has a
// value", bits 10-30 the offset to its children, times 256 when bit 9 is set; a value unit is bit 31 and a
// 31-bit value.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "native/core/status.h"

namespace belle::tokenizer {

class DoubleArray {
 public:
  struct Match {
    size_t length = 0;  // bytes; 0 = no key is a prefix
    uint32_t value = 0;
  };

  // `bytes`: little-endian units, a positive multiple of 1,024 bytes. Every unit's children and value must
  // lie inside the array and every value be below `value_limit`, so that no search can leave it; invalid_data
  // otherwise.
  static Result<DoubleArray> create(std::span<const uint8_t> bytes, size_t value_limit);
  // The longest key that `text` begins with.
  Match longest_prefix(std::string_view text) const;

 private:
  std::vector<uint32_t> units_;
};

}  // namespace belle::tokenizer
