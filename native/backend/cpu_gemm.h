#pragma once
// The CPU matrix product, for the ABI entry and for ops that contain one.
#include "native/backend/cpu_context.h"

namespace belle::backend {

// c[i, j] = alpha * sum_p a(i, p) b(p, j) + beta * c[i, j] (+ bias[j]), a(i, p) = a[i*a_row + p*a_depth] and
// b(p, j) = b[j*b_col + p*b_depth], one stride of each pair being 1. The sum runs over blocks of 256 of p, in
// order: a row's bits depend on neither m nor the number of threads.
struct Gemm {
  int64_t m, n, k;
  const float* a;
  int64_t a_row, a_depth;
  const float* b;
  int64_t b_col, b_depth;
  float* c;
  int64_t ldc;
  float alpha = 1, beta = 0;
  const float* bias = nullptr;
};
Status gemm(CpuContext& context, const Gemm& args);

}  // namespace belle::backend
