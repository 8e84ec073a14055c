#pragma once
// The matrix product of one depth block: packing into panels, and the micro-kernel over packed panels.
#include "native/ops/kernel.h"

namespace belle::ops {

// Copies in[rows, depth] (element (r, p) at in[r*row_stride + p*depth_stride], one of the strides being 1)
// into panels of `panel` rows: out[r / panel][p][r % panel], rows past the end filled with 0. out holds
// ceil(rows / panel) * depth * panel floats. in and out do not overlap.
using Pack = void(float* out, const float* in, int64_t row_stride, int64_t depth_stride, int64_t rows,
                  int64_t depth, int panel);
BELLE_KERNEL(Pack, pack)

// c[r, j] = alpha * sum_p a(r, p) b(j, p) + beta * c[r, j] (+ bias[j] when bias is set), for r < rows, j <
// cols. a: packed with panels of mr rows, b: packed with panels of nr columns (mr, nr from KernelTable);
// a_panel and b_panel are the floats between two panels (>= depth * mr, depth * nr). The sum runs over p in
// order, from 0, for every element alike: a result does not depend on rows, cols or on the element's place in
// its tile. beta = 0: c is not read.
struct MultiplyArgs {
  int64_t rows, cols, depth;
  const float* a;
  int64_t a_panel;
  const float* b;
  int64_t b_panel;
  float* c;
  int64_t ldc;
  float alpha, beta;
  const float* bias;
};
using Multiply = void(const MultiplyArgs& args);
BELLE_KERNEL(Multiply, multiply)

}  // namespace belle::ops
