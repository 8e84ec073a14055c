#include "native/ops/multiply.h"

#include "native/ops/multiply_tile.h"

namespace belle::ops::BELLE_ISA {

namespace {

template <class T>
void write_tile(const MultiplyOut& out, int64_t row, int64_t rows, int64_t col, int64_t cols,
                const float* sums) {
  const vf alpha = splat(out.alpha), beta = splat(out.beta);
  for (int64_t r = 0; r < rows; ++r) {
    T* c = static_cast<T*>(out.c) + (row + r) * out.ldc + col;
    const T* residual = static_cast<const T*>(out.residual) + (row + r) * out.ldc + col;
    for_vectors(cols, [&](int64_t j, int64_t count) {
      vf x = alpha * load(sums + r * kTileCols + j);
      if (out.beta != 0.0f) x = mul_add(beta, load_first(c + j, count), x);
      if (out.bias && out.bias_type == Type::f32)
        x = x + load_first(static_cast<const float*>(out.bias) + col + j, count);
      if (out.bias && out.bias_type == Type::bf16)
        x = x + load_first(static_cast<const bf16*>(out.bias) + col + j, count);
      if (out.residual) x = x + load_first(residual + j, count);
      store_first(c + j, x, count);
    });
  }
}

// C is read and written when the sums are done: asked for now, it is there by then.
void prefetch_tile(const MultiplyOut& out, int64_t row, int64_t rows, int64_t col, int64_t cols) {
  const int64_t size = size_of(out.type);
  for (int64_t r = 0; r < rows; ++r) {
    const char* c = static_cast<const char*>(out.c) + ((row + r) * out.ldc + col) * size;
    for (int64_t at = 0; at < cols * size; at += 64) __builtin_prefetch(c + at, 1);
  }
}

}  // namespace

void multiply(const MultiplyArgs& args) {
  alignas(64) float own[kTileRows * kTileCols];
  float* sums = args.tiles ? args.tiles : own;
  const char* a = static_cast<const char*>(args.a);
  for (int64_t row = 0; row < args.rows; row += kTileRows, a += args.a_tile) {
    const int64_t rows = at_most(args.rows - row, kTileRows);
    const char* b = static_cast<const char*>(args.b);
    for (int64_t col = 0; col < args.cols; col += kTileCols, b += args.b_panel) {
      const int64_t cols = at_most(args.cols - col, kTileCols);
      const Tile tile = {args.steps, a,         args.a_row, args.a_step, reinterpret_cast<const float*>(b),
                         sums,       args.first};
      const int64_t vectors = (cols + kLanes - 1) / kLanes;
      if (args.last && args.out.beta != 0.0f) prefetch_tile(args.out, row, rows, col, cols);
      args.type == Type::f32 ? multiply_any<FloatStep>(tile, rows, vectors)
                             : multiply_any<PairStep>(tile, rows, vectors);
      if (args.last) {
        args.out.type == Type::f32 ? write_tile<float>(args.out, row, rows, col, cols, sums)
                                   : write_tile<bf16>(args.out, row, rows, col, cols, sums);
      }
      if (args.tiles) sums += kTileRows * kTileCols;
    }
  }
}

}  // namespace belle::ops::BELLE_ISA
