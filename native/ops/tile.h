#pragma once
// The micro-tile of this instruction set: as many accumulators as its registers hold beside a row of B.
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

constexpr int kTileRows = 6;
#if defined(__AVX512F__)
constexpr int kTileVectors = 4;  // 24 accumulators, 4 of B and one of A: 29 of 32 registers
#else
constexpr int kTileVectors = 2;  // 12 + 2 + 1 of 16
#endif
constexpr int kTileCols = kTileVectors * kLanes;

// Whether a step of depth is two bfloat16 elements at once; else bfloat16 is widened while it is packed.
#if defined(__AVX512BF16__)
constexpr bool kPairs = true;
#else
constexpr bool kPairs = false;
#endif

BELLE_INLINE int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }
BELLE_INLINE int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }
BELLE_INLINE int64_t blocks(int64_t n, int64_t size) { return (n + size - 1) / size; }
BELLE_INLINE int64_t round_up(int64_t n, int64_t to) { return blocks(n, to) * to; }

}  // namespace belle::ops::BELLE_ISA
