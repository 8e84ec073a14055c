#pragma once
// Bijection: a keyed permutation of [0, n) that needs no memory. A balanced Feistel network over the smallest
// 4^k >= n whose round function is Philox; values that fall outside [0, n) walk the cycle until they are
// inside (Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). On average fewer than 4
// walks.
#include <bit>
#include <cstdint>

#include "native/core/philox.h"

namespace belle::train {

class Bijection {
 public:
  // Another permutation for every (seed, round): the round is the epoch. n >= 1.
  Bijection(uint64_t n, uint64_t seed, uint64_t round)
      : n_(n),
        round_(round),
        half_(n < 2 ? 0 : (static_cast<uint32_t>(std::bit_width(n - 1)) + 1) / 2),
        philox_(seed, RngStream::shuffle) {}

  uint64_t operator()(uint64_t i) const {
    do i = feistel(i);
    while (i >= n_);
    return i;
  }

 private:
  static constexpr uint32_t kRounds = 8;

  uint64_t feistel(uint64_t value) const {
    const uint64_t mask = (uint64_t{1} << half_) - 1;
    uint64_t left = value >> half_, right = value & mask;
    for (uint32_t i = 0; i < kRounds; ++i) {
      const auto draw = philox_.block(round_ << 32 ^ right, i);  // right < 2^32
      const uint64_t mixed = left ^ (draw[0] & mask);
      left = right;
      right = mixed;
    }
    return left << half_ | right;
  }

  uint64_t n_, round_;
  uint32_t half_;  // bits in one half
  Philox philox_;
};

}  // namespace belle::train
