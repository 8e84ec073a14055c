#pragma once
// The matrix product: packing into panels, and the micro-kernel over them.
//
// Both operands are seen as 32-bit items: (row of A | column of B, step of depth). A step is one depth
// element of a float32 matrix; of a bfloat16 matrix it is two neighbouring depth elements where the
// instruction set multiplies pairs (KernelTable::pairs), else one, widened to float32 while it is packed.
#include "native/ops/kernel.h"

namespace belle::ops {

// Packs in[rows, depth] (element (r, p) at in + r*row_stride + p*depth_stride, in elements, one of the
// strides being 1) into panels of `panel` rows: item (r, s) at out[r / panel][s][r % panel], with
// steps(depth) items a row. Rows past the end and the missing half of a last pair are 0. in and out do not
// overlap.
struct PackArgs {
  void* out;  // items, ceil(rows / panel) * steps * panel of them
  const void* in;
  Type type;
  int64_t row_stride, depth_stride;
  int64_t rows, depth;
  int panel;
};
using Pack = void(const PackArgs& args);
BELLE_KERNEL(Pack, pack)

// Where the results go: c[r, j] = alpha * sum + beta * c[r, j] (+ bias[j]) (+ residual[r, j]), rounded once
// to `type`. beta = 0: c is not read. residual may be c.
struct MultiplyOut {
  void* c;
  int64_t ldc;
  Type type = Type::f32;
  float alpha = 1, beta = 0;
  const void* bias = nullptr;  // of bias_type
  Type bias_type = Type::f32;
  const void* residual = nullptr;  // of `type`, leading dimension ldc
};

// sum(r, j) over `steps` steps of a(r, s) b(j, s), for r < rows, j < cols. The sum runs over the steps in
// order from the first for every element alike: its bits do not depend on rows, cols, the element's place in
// its tile or on how the depth is cut into calls.
struct MultiplyArgs {
  int64_t rows, cols, steps;
  Type type;  // of the operands; decides what an item is
  // Item (r, s), r < mr, of row tile t at a + t*a_tile + r*a_row + s*a_step, in bytes. A matrix whose depth
  // lies along memory needs no packing where items are its own bytes.
  const void* a = nullptr;
  int64_t a_tile = 0, a_row = 0, a_step = 0;
  const void* b;    // packed with panels of nr columns
  int64_t b_panel;  // bytes between two panels
  // Depth in several calls: the unfinished sums stay in tiles[ceil(rows / mr) * ceil(cols / nr) * mr * nr]
  // floats, 64-byte aligned; `first` starts them at 0, `last` finishes them into out. NULL: the whole depth
  // in this call.
  float* tiles = nullptr;
  bool first = true, last = true;
  MultiplyOut out = {};
};
using Multiply = void(const MultiplyArgs& args);
BELLE_KERNEL(Multiply, multiply)

}  // namespace belle::ops
