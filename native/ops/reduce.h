#pragma once
// Sums in float64 with a fixed order, and column sums.
#include "native/ops/kernel.h"

namespace belle::ops {

// The sum of x[n], or of its squares, in sixteen interleaved float64 partial sums added in a fixed tree.
using Sum = double(const float* x, int64_t n);
BELLE_KERNEL(Sum, sum)
BELLE_KERNEL(Sum, sum_squares)

// sums[d] = the sums over these rows of dout[row, c], rows added one after another.
using ColumnSums = void(float* sums, const void* dout, int64_t rows, int64_t d, Type type);
BELLE_KERNEL(ColumnSums, column_sums)

// out[c] += the sum over `parts` rows, in their order, of partial[row, c], for the columns c in [first,
// last).
using AddPartialSums = void(float* out, const float* partial, int64_t parts, int64_t d, int64_t first,
                            int64_t last);
BELLE_KERNEL(AddPartialSums, add_partial_sums)

}  // namespace belle::ops
