#pragma once
// Sums over one row, in an order that depends on the row's length alone.
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

// out[s] = the sum over [0, n) of what term(i, count, sums) adds to sums[s] for the `count` elements at i.
// Four vectors a sum, taken in turn, hide the latency of an addition.
template <int Sums, class Term>
BELLE_INLINE void sum_row(int64_t n, float (&out)[Sums], Term term) {
  constexpr int kParts = 4;
  vf part[kParts][Sums] = {};
  int64_t i = 0;
  for (; i + kParts * kLanes <= n; i += kParts * kLanes) {
#pragma GCC unroll 4
    for (int p = 0; p < kParts; ++p) term(i + p * kLanes, static_cast<int64_t>(kLanes), part[p]);
  }
#pragma GCC unroll 4
  for (int p = 0; p < kParts; ++p) {
    if (i >= n) break;
    if (n - i >= kLanes) {
      term(i, static_cast<int64_t>(kLanes), part[p]);
    } else {
      term(i, n - i, part[p]);
    }
    i += kLanes;
  }
  for (int s = 0; s < Sums; ++s) out[s] = sum_lanes((part[0][s] + part[1][s]) + (part[2][s] + part[3][s]));
}

// body(first, last) for groups of a few rows: a row's sums end in a chain of dependent steps, which overlap
// when the sums of several rows come before what uses them.
constexpr int64_t kRowGroup = 4;
template <class Body>
BELLE_INLINE void for_row_groups(int64_t rows, Body body) {
  for (int64_t r = 0; r < rows; r += kRowGroup) body(r, r + kRowGroup < rows ? r + kRowGroup : rows);
}

}  // namespace belle::ops::BELLE_ISA
