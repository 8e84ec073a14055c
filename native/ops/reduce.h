#pragma once
// Sums in float64 with a fixed order, and column sums.
#include "native/ops/kernel.h"

namespace belle::ops {

// The sum of x[n], or of its squares, in sixteen interleaved float64 partial sums added in a fixed tree.
using Sum = double(const float* x, int64_t n);
BELLE_KERNEL(Sum, sum)
BELLE_KERNEL(Sum, sum_squares)

// dbias[c] += sum over rows of dout[row, c], for the columns c in [first, last) of d.
using BiasBackward = void(float* dbias, const float* dout, int64_t rows, int64_t d, int64_t first,
                          int64_t last);
BELLE_KERNEL(BiasBackward, bias_backward)

}  // namespace belle::ops
