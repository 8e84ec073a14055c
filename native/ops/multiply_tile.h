#pragma once
// The micro-kernel: one tile of sums over the items of two operands (native/ops/multiply.h).
#include "native/ops/sum_step.h"
#include "native/ops/tile.h"

namespace belle::ops::BELLE_ISA {

namespace {

typedef int32_t item __attribute__((may_alias, aligned(1)));
BELLE_INLINE vf broadcast(const char* a) { return (vf)(*reinterpret_cast<const item*>(a) - vi{}); }

struct Tile {
  int64_t steps;
  const char* a;
  int64_t a_row, a_step;
  const float* b;
  float* sums;  // [kTileRows, kTileCols]
  bool first;
};

template <class Step, int Rows, int Vectors>
BELLE_INLINE void multiply_tile(const Tile& t) {
  vf sum[Rows][Vectors];
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[r][v] = t.first ? vf{} : load(t.sums + r * kTileCols + v * kLanes);
  }
  const char* a[Rows];
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) a[r] = t.a + r * t.a_row;
  const float* b = t.b;
  int64_t at = 0;
  for (int64_t s = 0; s < t.steps; ++s, at += t.a_step, b += kTileCols) {
    vf row[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) row[v] = load(b + v * kLanes);
#pragma GCC unroll 6
    for (int r = 0; r < Rows; ++r) {
      const vf x = broadcast(a[r] + at);
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sum[r][v] = Step::add(sum[r][v], x, row[v]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) store(t.sums + r * kTileCols + v * kLanes, sum[r][v]);
  }
}

template <class Step, int Rows>
void multiply_rows(const Tile& t, int64_t vectors) {
  switch (vectors) {
    case 1:
      return multiply_tile<Step, Rows, 1>(t);
    case 2:
      return multiply_tile<Step, Rows, 2>(t);
#if defined(__AVX512F__)
    case 3:
      return multiply_tile<Step, Rows, 3>(t);
    default:
      return multiply_tile<Step, Rows, 4>(t);
#endif
  }
}

template <class Step>
void multiply_any(const Tile& t, int64_t rows, int64_t vectors) {
  switch (rows) {
    case 1:
      return multiply_rows<Step, 1>(t, vectors);
    case 2:
      return multiply_rows<Step, 2>(t, vectors);
    case 3:
      return multiply_rows<Step, 3>(t, vectors);
    case 4:
      return multiply_rows<Step, 4>(t, vectors);
    case 5:
      return multiply_rows<Step, 5>(t, vectors);
    default:
      return multiply_rows<Step, kTileRows>(t, vectors);
  }
}

}  // namespace

}  // namespace belle::ops::BELLE_ISA
