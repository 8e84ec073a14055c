#pragma once
// Draws: numbers of one seed, one after the other.
#include "native/core/philox.h"

namespace belle::tokenizer {

class Draws {
 public:
  explicit Draws(uint64_t seed) : random_(seed, RngStream::test) {}
  size_t below(size_t limit) {
    if (at_ == 4) block_ = random_.block(index_++, 0), at_ = 0;
    return block_[at_++] % limit;
  }

 private:
  Philox random_;
  uint64_t index_ = 0;
  size_t at_ = 4;
  decltype(random_.block(0, 0)) block_{};
};

}  // namespace belle::tokenizer
