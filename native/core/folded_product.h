#pragma once
// folded_product: the 128 bits of a product folded to 64; every bit of both numbers reaches every bit of it.
#include <cstdint>

namespace belle {

inline uint64_t folded_product(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace belle
