#pragma once
// A seed for hash tables over other people's keys: nobody can make a file whose keys all fall into one place.
#include <unistd.h>

#include <cstdint>

namespace belle {

// By getentropy: std::random_device would ask for a glibc newer than the package's.
inline uint64_t random_seed() {
  uint64_t seed = 0;
  if (getentropy(&seed, sizeof seed) != 0)
    seed = reinterpret_cast<uintptr_t>(&seed);  // at least the stack's place
  return seed;
}

}  // namespace belle
