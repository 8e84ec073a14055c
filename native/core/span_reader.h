#pragma once
// SpanReader: little-endian reads over untrusted bytes, every one checked against the end.
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

namespace belle {

class SpanReader {
 public:
  explicit SpanReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  size_t offset() const { return offset_; }
  size_t remaining() const { return bytes_.size() - offset_; }
  bool at_end() const { return offset_ == bytes_.size(); }

  template <class T>
  [[nodiscard]] bool read(T* out) {
    static_assert(std::endian::native == std::endian::little);
    if (remaining() < sizeof(T)) return false;
    std::memcpy(out, bytes_.data() + offset_, sizeof(T));
    offset_ += sizeof(T);
    return true;
  }
  [[nodiscard]] bool take(uint64_t count, std::span<const uint8_t>* out) {
    if (remaining() < count) return false;
    *out = bytes_.subspan(offset_, static_cast<size_t>(count));
    offset_ += static_cast<size_t>(count);
    return true;
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t offset_ = 0;
};

}  // namespace belle
