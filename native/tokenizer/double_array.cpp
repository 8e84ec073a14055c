#include "native/tokenizer/double_array.h"

#include <bit>
#include <cstring>
#include <string>

namespace belle::tokenizer {

namespace {

constexpr uint32_t kValueBit = 1u << 31;

constexpr uint32_t label(uint32_t unit) { return unit & (kValueBit | 0xFF); }
constexpr bool has_value(uint32_t unit) { return unit >> 8 & 1; }
constexpr uint32_t offset(uint32_t unit) { return (unit & ~kValueBit) >> 10 << (unit >> 9 & 1) * 8; }

Status bad_unit(size_t index, const std::string& what) {
  return {StatusCode::invalid_data, "precompiled_charsmap: unit " + std::to_string(index) + " of its trie " +
                                        what + "; the model is damaged or crafted: fetch it again"};
}

}  // namespace

Result<DoubleArray> DoubleArray::create(std::span<const uint8_t> bytes, size_t value_limit) {
  static_assert(std::endian::native == std::endian::little);
  if (bytes.empty() || bytes.size() % 1024 != 0)
    return Status(StatusCode::invalid_data,
                  "precompiled_charsmap: its trie has " + std::to_string(bytes.size()) +
                      " bytes, no positive multiple of 1024; fetch the model again");
  DoubleArray array;
  array.units_.resize(bytes.size() / 4);
  std::memcpy(array.units_.data(), bytes.data(), bytes.size());
  const size_t count = array.units_.size();
  // The builder gives the root label 0; a search starts there without comparing it.
  if (label(array.units_[0]) != 0) return bad_unit(0, "is not a root");
  for (size_t i = 0; i < count; ++i) {
    const uint32_t unit = array.units_[i];
    if (unit & kValueBit) {
      if ((unit & ~kValueBit) >= value_limit)
        return bad_unit(i, "holds a replacement past the end of the text");
      continue;
    }
    // A child is children ^ byte, and count is a multiple of 256: inside for one byte means inside for all.
    const size_t children = i ^ offset(unit);
    if (children >= count) return bad_unit(i, "points past the end");
    if (!has_value(unit)) continue;
    if (!(array.units_[children] & kValueBit)) return bad_unit(i, "promises a value that is none");
  }
  return array;
}

DoubleArray::Match DoubleArray::longest_prefix(std::string_view text) const {
  Match match;
  size_t at = offset(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    at ^= byte;
    const uint32_t unit = units_[at];
    if (label(unit) != byte) break;
    at ^= offset(unit);
    if (has_value(unit)) match = {i + 1, units_[at] & ~kValueBit};
  }
  return match;
}

}  // namespace belle::tokenizer
