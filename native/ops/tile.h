#pragma once
// The micro-tile of this instruction set: as many accumulators as its registers hold beside two vectors of B.
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

#if defined(__AVX512F__)
constexpr int kTileRows = 8;  // 16 of 32 registers: the broadcasts of A fold into the multiplications
#else
constexpr int kTileRows = 6;  // 12 of 16 registers
#endif
constexpr int kTileCols = 2 * kLanes;

BELLE_INLINE int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

}  // namespace belle::ops::BELLE_ISA
