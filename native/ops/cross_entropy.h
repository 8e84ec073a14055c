#pragma once
// Softmax cross-entropy over logits that lie [entries of the vocabulary, rows]: lanes are rows, so no sum
// crosses them and a row's bits do not depend on the rows beside it. Reference: linear_cross_entropy in
// test/native/ops/reference.h.
#include "native/ops/kernel.h"

namespace belle::ops {

struct LogitBand {
  void* logits;  // [entries, rows]
  int64_t entries, rows;
  Type type;
};

// highest[r] = the largest logit of row r in the band, total[r] = the sum of e^(logit - highest[r]).
using LogitStatistics = void(const LogitBand& band, float* highest, float* total);
BELLE_KERNEL(LogitStatistics, logit_statistics)

// The same over all bands, whose results lie one after the other: band b at highest + b*stride, total +
// b*stride. Summed in float64 in the order of the bands.
struct MergeStatisticsArgs {
  const float *highest, *total;
  int64_t bands, stride, rows;
  float* all_highest;
  double* all_total;
};
using MergeStatistics = void(const MergeStatisticsArgs& args);
BELLE_KERNEL(MergeStatistics, merge_statistics)

// Overwrites the logits with their gradients, scale[r] * e^(logit - highest[r]), less grad_scale where the
// entry is targets[r] (the band begins at entry `first`; it may lie outside; its logit is chosen[r]),
// computed in float32 and rounded once. `packed` gets the same values as the items of a matrix [rows, depth =
// entries] in panels of `panel` rows (native/ops/multiply.h), a multiple of 16; rows past the end are not
// written.
struct LogitGradientArgs {
  LogitBand band;
  const float *highest, *scale;  // [rows]
  int64_t first;
  const int32_t* targets;  // [rows]
  const float* chosen;     // [rows]
  float grad_scale;
  void* packed;
  int panel;
};
using LogitGradient = void(const LogitGradientArgs& args);
BELLE_KERNEL(LogitGradient, logit_gradient)

}  // namespace belle::ops
