#pragma once
// The resident set of this process.
#include <cstdint>

namespace belle {

// Bytes; 0 where /proc does not tell. Allocates nothing.
uint64_t resident_memory();

}  // namespace belle
