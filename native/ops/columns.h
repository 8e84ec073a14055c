#pragma once
// Column sums in a fixed order: rows in blocks of 128, each summed from 0, blocks added in order. The blocks
// keep the rounding error of long packs near that of 128 rows.
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

// out[c] += sum over rows of term(row, c, count) for c in [first, last); term gives the vector of columns c,
// c+1, ...
template <class Term>
BELLE_INLINE void add_column_sums(float* out, int64_t rows, int64_t first, int64_t last, Term term) {
  constexpr int64_t kBlock = 128;
  constexpr int kStrip = 4;
  int64_t c = first;
  for (; c + kStrip * kLanes <= last; c += kStrip * kLanes) {
    vf total[kStrip] = {};
    for (int64_t r0 = 0; r0 < rows; r0 += kBlock) {
      const int64_t r1 = r0 + kBlock < rows ? r0 + kBlock : rows;
      vf part[kStrip] = {};
      for (int64_t r = r0; r < r1; ++r) {
        for (int s = 0; s < kStrip; ++s) part[s] = part[s] + term(r, c + s * kLanes, kLanes);
      }
      for (int s = 0; s < kStrip; ++s) total[s] = total[s] + part[s];
    }
    for (int s = 0; s < kStrip; ++s) store(out + c + s * kLanes, load(out + c + s * kLanes) + total[s]);
  }
  for (; c < last; c += kLanes) {
    const int64_t count = last - c < kLanes ? last - c : kLanes;
    vf total = {};
    for (int64_t r0 = 0; r0 < rows; r0 += kBlock) {
      const int64_t r1 = r0 + kBlock < rows ? r0 + kBlock : rows;
      vf part = {};
      for (int64_t r = r0; r < r1; ++r) part = part + term(r, c, count);
      total = total + part;
    }
    store_first(out + c, load_first(out + c, count) + total, count);
  }
}

}  // namespace belle::ops::BELLE_ISA
