#pragma once
// pack and multiply for float32 blocks whose operands are both packed.
#include "native/ops/multiply.h"
#include "native/ops/tile.h"

namespace belle::ops::BELLE_ISA {

BELLE_INLINE void pack_floats(float* out, const float* in, int64_t row_stride, int64_t depth_stride,
                              int64_t rows, int64_t depth, int panel) {
  pack({out, in, Type::f32, row_stride, depth_stride, rows, depth, panel});
}

// One tile row: a is a panel of kTileRows rows.
BELLE_INLINE void multiply_floats(int64_t rows, int64_t cols, int64_t depth, const float* a, const float* b,
                                  int64_t b_panel, float* c, int64_t ldc, float alpha, float beta) {
  multiply({.rows = rows,
            .cols = cols,
            .steps = depth,
            .type = Type::f32,
            .a = a,
            .a_tile = 0,
            .a_row = 4,
            .a_step = 4 * kTileRows,
            .b = b,
            .b_panel = 4 * b_panel,
            .out = {.c = c, .ldc = ldc, .alpha = alpha, .beta = beta}});
}

}  // namespace belle::ops::BELLE_ISA
