#pragma once
// The CPU matrix product, for the ABI entry and for ops that contain one.
#include "native/backend/cpu_context.h"

namespace belle::backend {

// c[i, j] from sum_p a(i, p) b(p, j) as ops::MultiplyOut says, a(i, p) at a + i*a_row + p*a_depth and b(p, j)
// at b + j*b_col + p*b_depth, in elements of `type`, one stride of each pair being 1. The sum runs over p in
// an order that depends on k and the types only: a row's bits depend on neither m nor the number of threads.
struct Gemm {
  int64_t m, n, k;
  ops::Type type;
  const void* a;
  int64_t a_row, a_depth;
  const void* b;
  int64_t b_col, b_depth;
  ops::MultiplyOut out;
};
Status gemm(CpuContext& context, const Gemm& args);

// Scratch memory that one thread needs in gemm, whatever the shapes.
int64_t gemm_scratch_bytes();

}  // namespace belle::backend
