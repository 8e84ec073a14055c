#pragma once
// What the program holds of memory, and the most it held since the last reset: operator new and delete count.
#include <cstddef>

namespace belle::fuzz {

size_t held_bytes();
size_t peak_bytes();
void reset_peak();

}  // namespace belle::fuzz
