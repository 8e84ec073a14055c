#pragma once
// From float32 sums to C: alpha, beta, bias and residual in float32, one rounding.
#include "cuda/context.h"
#include "cuda/device/element.cuh"

namespace belle::cuda {

struct Epilogue {
  void* c;
  int64_t ldc;
  const void* bias;
  const void* residual;
  float alpha, beta;
  bool c_float;  // float32 rather than the type of A and B
  bool wide;     // rows of C (and of the residual) are 16-byte aligned
};

inline Epilogue epilogue_of(const belle_gemm_args& g) {
  const int64_t row_bytes = g.ldc * (g.c_type == BELLE_F32 ? 4 : 2);
  return {.c = g.c,
          .ldc = g.ldc,
          .bias = g.bias,
          .residual = g.residual,
          .alpha = g.alpha,
          .beta = g.beta,
          .c_float = g.c_type == BELLE_F32,
          .wide = all_aligned(g.c, g.residual) && row_bytes % 16 == 0};
}

// 16 bytes of C, from (row, col) on, as far as the row goes (n). An element of C is read by the thread that
// writes it: the residual may be C.
template <class C, class In>
__device__ __forceinline__ void finish(const Epilogue& e, int64_t row, int64_t col, int64_t n, Pack<C> sum) {
  constexpr int kCount = Pack<C>::kCount;
  C* c = static_cast<C*>(e.c) + row * e.ldc + col;
  const C* residual = e.residual == nullptr ? nullptr : static_cast<const C*>(e.residual) + row * e.ldc + col;
  const In* bias = e.bias == nullptr ? nullptr : static_cast<const In*>(e.bias) + col;
  if (e.wide && col + kCount <= n) {
    Pack<C> before = {}, more = {};
    if (e.beta != 0.0f) before = load_pack(c);
    if (residual != nullptr) more = load_pack(residual);
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      float x = e.alpha * sum.x[i];
      if (e.beta != 0.0f) x += e.beta * before.x[i];
      if (bias != nullptr) x += widen(bias[i]);
      if (residual != nullptr) x += more.x[i];
      sum.x[i] = x;
    }
    store_pack(c, sum);
    return;
  }
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    if (col + i >= n) return;
    float x = e.alpha * sum.x[i];
    if (e.beta != 0.0f) x += e.beta * widen(c[i]);
    if (bias != nullptr) x += widen(bias[i]);
    if (residual != nullptr) x += widen(residual[i]);
    narrow(x, c + i);
  }
}

// Tiles of C in an order that keeps the A and B of those under way at once in the second-level cache: down
// kBand tiles, then to the right.
struct TileAt {
  int64_t m, n;
};
__device__ __forceinline__ TileAt tile_at(int64_t index, int64_t tiles_m, int64_t tiles_n) {
  constexpr int64_t kBand = 8;
  const int64_t band = index / (kBand * tiles_n), first = band * kBand, within = index % (kBand * tiles_n);
  const int64_t height = tiles_m - first < kBand ? tiles_m - first : kBand;
  return {first + within % height, within / height};
}

}  // namespace belle::cuda
