#pragma once
#include <cstdint>

namespace belle::cuda {

// To 16 bytes, as vector loads need it; NULL is.
template <class... Pointers>
bool all_aligned(Pointers... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

}  // namespace belle::cuda
