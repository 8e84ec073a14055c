#include "native/ops/multiply.h"

#include "native/ops/tile.h"

namespace belle::ops::BELLE_ISA {

typedef float v4 __attribute__((vector_size(16)));
typedef float v4_unaligned __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t v4i __attribute__((vector_size(16)));

// out[p * panel + r] = in[r * stride + p] for a 4 x 4 block.
BELLE_INLINE void transpose4(float* out, int64_t panel, const float* in, int64_t stride) {
  v4 row[4];
  for (int r = 0; r < 4; ++r) row[r] = *reinterpret_cast<const v4_unaligned*>(in + r * stride);
#if defined(__clang__)
  const v4 a = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5),
           b = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
  const v4 c = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5),
           d = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
  const v4 column[4] = {__builtin_shufflevector(a, c, 0, 1, 4, 5), __builtin_shufflevector(a, c, 2, 3, 6, 7),
                        __builtin_shufflevector(b, d, 0, 1, 4, 5), __builtin_shufflevector(b, d, 2, 3, 6, 7)};
#else
  const v4i low = {0, 4, 1, 5}, high = {2, 6, 3, 7}, first = {0, 1, 4, 5}, second = {2, 3, 6, 7};
  const v4 a = __builtin_shuffle(row[0], row[1], low), b = __builtin_shuffle(row[0], row[1], high);
  const v4 c = __builtin_shuffle(row[2], row[3], low), d = __builtin_shuffle(row[2], row[3], high);
  const v4 column[4] = {__builtin_shuffle(a, c, first), __builtin_shuffle(a, c, second),
                        __builtin_shuffle(b, d, first), __builtin_shuffle(b, d, second)};
#endif
  for (int p = 0; p < 4; ++p) *reinterpret_cast<v4_unaligned*>(out + p * panel) = column[p];
}

// One panel whose rows lie along memory: the depth is walked a cache line at a time, so that lines of `in`
// are read once and the lines of `out` being filled stay in the first cache.
static void pack_transposed(float* out, const float* in, int64_t row_stride, int64_t rows, int64_t depth,
                            int panel) {
  const int64_t whole = depth / 4 * 4;
  for (int64_t p0 = 0; p0 < whole; p0 += 16) {
    const int64_t p1 = p0 + 16 < whole ? p0 + 16 : whole;
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
      for (int64_t p = p0; p < p1; p += 4)
        transpose4(out + p * panel + r, panel, in + r * row_stride + p, row_stride);
    }
    for (; r < rows; ++r) {
      for (int64_t p = p0; p < p1; ++p) out[p * panel + r] = in[r * row_stride + p];
    }
  }
  for (int64_t p = whole; p < depth; ++p) {
    for (int64_t r = 0; r < rows; ++r) out[p * panel + r] = in[r * row_stride + p];
  }
  if (rows == panel) return;
  for (int64_t p = 0; p < depth; ++p) {
    for (int64_t r = rows; r < panel; ++r) out[p * panel + r] = 0.0f;
  }
}

static void pack_straight(float* out, const float* in, int64_t depth_stride, int64_t rows, int64_t depth,
                          int panel) {
  for (int64_t p = 0; p < depth; ++p) {
    const float* from = in + p * depth_stride;
    float* to = out + p * panel;
    int64_t r = 0;
    for (; r + kLanes <= rows; r += kLanes) store(to + r, load(from + r));
    for (; r < rows; ++r) to[r] = from[r];
    for (; r < panel; ++r) to[r] = 0.0f;
  }
}

void pack(float* out, const float* in, int64_t row_stride, int64_t depth_stride, int64_t rows, int64_t depth,
          int panel) {
  for (int64_t r = 0; r < rows; r += panel, out += depth * panel) {
    const int64_t here = rows - r < panel ? rows - r : panel;
    if (depth_stride == 1) {
      pack_transposed(out, in + r * row_stride, row_stride, here, depth, panel);
    } else {
      pack_straight(out, in + r * row_stride, depth_stride, here, depth, panel);
    }
  }
}

// tile[Rows, kTileCols] = sum over p of a's column times b's row.
template <int Rows>
BELLE_INLINE void multiply_tile(int64_t depth, const float* a, const float* b, float* tile) {
  vf sum[Rows][2];
  for (int r = 0; r < Rows; ++r) sum[r][0] = sum[r][1] = vf{};
  for (int64_t p = 0; p < depth; ++p, a += kTileRows, b += kTileCols) {
    const vf b0 = load(b), b1 = load(b + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const vf x = splat(a[r]);
      sum[r][0] = mul_add(x, b0, sum[r][0]);
      sum[r][1] = mul_add(x, b1, sum[r][1]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    store(tile + r * kTileCols, sum[r][0]);
    store(tile + r * kTileCols + kLanes, sum[r][1]);
  }
}

static void write_tile(const MultiplyArgs& args, int64_t row, int64_t col, const float* tile) {
  const int64_t rows = args.rows - row < kTileRows ? args.rows - row : kTileRows;
  const int64_t cols = args.cols - col < kTileCols ? args.cols - col : kTileCols;
  const vf alpha = splat(args.alpha), beta = splat(args.beta);
  for (int64_t r = 0; r < rows; ++r) {
    float* c = args.c + (row + r) * args.ldc + col;
    for_vectors(cols, [&](int64_t j, int64_t count) {
      vf x = alpha * load(tile + r * kTileCols + j);
      if (args.beta != 0.0f) x = mul_add(beta, load_first(c + j, count), x);
      if (args.bias) x = x + load_first(args.bias + col + j, count);
      store_first(c + j, x, count);
    });
  }
}

void multiply(const MultiplyArgs& args) {
  alignas(64) float tile[kTileRows * kTileCols];
  const float* b = args.b;
  for (int64_t col = 0; col < args.cols; col += kTileCols, b += args.b_panel) {
    const float* a = args.a;
    for (int64_t row = 0; row < args.rows; row += kTileRows, a += args.a_panel) {
      const int64_t rows = args.rows - row;
      if (rows > 4) {
        multiply_tile<kTileRows>(args.depth, a, b, tile);
      } else if (rows > 2) {
        multiply_tile<4>(args.depth, a, b, tile);
      } else if (rows > 1) {
        multiply_tile<2>(args.depth, a, b, tile);
      } else {
        multiply_tile<1>(args.depth, a, b, tile);
      }
      write_tile(args, row, col, tile);
    }
  }
}

}  // namespace belle::ops::BELLE_ISA
