#pragma once
// SHA-256 (FIPS 180-4), incremental. Uses the x86 SHA instructions where the CPU has them.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace belle {

class Sha256 {
 public:
  // portable: never the CPU's SHA instructions (for tests).
  explicit Sha256(bool portable = false);
  void update(const void* bytes, size_t count);
  std::string hex();  // finishes; call once

 private:
  void blocks(const uint8_t* p, size_t count);
  std::array<uint32_t, 8> state_;
  std::array<uint8_t, 64> buffer_;
  uint64_t total_ = 0;
  bool portable_;
};

// Of bytes in memory.
std::string sha256_hex(const void* bytes, size_t count);

}  // namespace belle
