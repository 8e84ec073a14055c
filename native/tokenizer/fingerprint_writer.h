#pragma once
// FingerprintWriter: feeds values to a hash in one fixed layout: texts as u64 length + bytes, numbers as u64,
// little-endian.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "native/core/sha256.h"

namespace belle::tokenizer {

class FingerprintWriter {
 public:
  void text(std::string_view value) {
    number(value.size());
    raw(value);
  }
  void number(uint64_t value) {
    std::array<uint8_t, 8> bytes;
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * i));
    hash_.update(bytes.data(), bytes.size());
  }
  void raw(std::string_view bytes) { hash_.update(bytes.data(), bytes.size()); }
  std::string hex() { return hash_.hex(); }  // call once

 private:
  Sha256 hash_;
};

}  // namespace belle::tokenizer
