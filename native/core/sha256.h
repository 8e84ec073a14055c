#pragma once
// SHA-256 (FIPS 180-4), incremental.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace belle {

class Sha256 {
 public:
  Sha256();
  void update(const void* bytes, size_t count);
  std::string hex();  // finishes; call once

 private:
  void block(const uint8_t* p);
  std::array<uint32_t, 8> state_;
  std::array<uint8_t, 64> buffer_;
  uint64_t total_ = 0;
};

}  // namespace belle
