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

// For ops that hold B packed themselves (native/ops/multiply.h): the product of some rows of A with it.
constexpr int64_t kPanelRows = 96;  // of A packed at a time; a multiple of every mr and of 16
struct RowsOfA {
  const void* at;
  int64_t row, depth;  // strides in elements, one of them 1
  char* packed;        // NULL: items_in_place; else room for 4 * kPanelRows * steps bytes
};
// Whether items are A's own bytes along memory, so that its rows are read where they lie.
bool items_in_place(const ops::KernelTable& kernels, ops::Type type, int64_t a_depth, int64_t depth);
// multiply() over `depth` elements as args say, apart from its A, in blocks of block_cols columns (a multiple
// of nr): as many of B as stay in the second-level cache while the rows of a panel pass by.
void multiply_rows(const ops::KernelTable& kernels, const RowsOfA& a, int64_t depth, int64_t block_cols,
                   const ops::MultiplyArgs& args);

// Scratch memory that one thread needs in gemm, whatever the shapes.
int64_t gemm_scratch_bytes();

}  // namespace belle::backend
