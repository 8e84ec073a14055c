#pragma once
// Cutting a count into blocks. Counts are not negative, sizes above 0.
#include <cstdint>

namespace belle {

inline int64_t blocks(int64_t n, int64_t size) { return (n + size - 1) / size; }
inline int64_t round_up(int64_t n, int64_t to) { return blocks(n, to) * to; }

}  // namespace belle
