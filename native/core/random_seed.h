#pragma once
// A seed for hash tables over other people's keys: nobody can make a file whose keys all fall into one place.
#include <unistd.h>

#include <cstdint>

#include "native/core/folded_product.h"

namespace belle {

// By getentropy: std::random_device would ask for a glibc newer than the package's.
inline uint64_t random_seed() {
  uint64_t seed = 0;
  if (getentropy(&seed, sizeof seed) != 0)
    seed = reinterpret_cast<uintptr_t>(&seed);  // at least the stack's place
  return seed;
}

// A key's place.
inline uint64_t mixed(uint64_t key, uint64_t seed) {
  return folded_product(key ^ seed, 0xA0761D6478BD642Full);
}

}  // namespace belle
