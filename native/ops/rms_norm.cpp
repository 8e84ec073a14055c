#include "native/ops/rms_norm.h"

#include "native/ops/columns.h"
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

void rms_norm(float* out, float* rstd, const float* x, const float* weight, float eps, int64_t rows,
              int64_t d) {
  for (int64_t r = 0; r < rows; ++r, x += d, out += d) {
    vf squares = {};
    for_vectors(d, [&](int64_t i, int64_t count) {
      const vf v = load_first(x + i, count);
      squares = mul_add(v, v, squares);
    });
    const float scale = 1.0f / __builtin_sqrtf(sum_lanes(squares) / static_cast<float>(d) + eps);
    rstd[r] = scale;
    for_vectors(d, [&](int64_t i, int64_t count) {
      store_first(out + i, load_first(x + i, count) * splat(scale) * load_first(weight + i, count), count);
    });
  }
}

void rms_norm_backward(float* dx, const float* dout, const float* x, const float* weight, const float* rstd,
                       int64_t rows, int64_t d) {
  for (int64_t r = 0; r < rows; ++r, x += d, dout += d, dx += d) {
    vf products = {};
    for_vectors(d, [&](int64_t i, int64_t count) {
      products = mul_add(load_first(dout + i, count) * load_first(weight + i, count),
                         load_first(x + i, count), products);
    });
    const float pull = sum_lanes(products) / static_cast<float>(d) * rstd[r] * rstd[r];
    for_vectors(d, [&](int64_t i, int64_t count) {
      const vf gradient = load_first(dout + i, count) * load_first(weight + i, count);
      store_first(dx + i, splat(rstd[r]) * mul_add(load_first(x + i, count), splat(-pull), gradient), count);
    });
  }
}

void rms_norm_weight_gradient(float* dweight, const float* dout, const float* x, const float* rstd,
                              int64_t rows, int64_t d, int64_t first, int64_t last) {
  add_column_sums(dweight, rows, first, last, [&](int64_t r, int64_t c, int64_t count) {
    return load_first(dout + r * d + c, count) * load_first(x + r * d + c, count) * splat(rstd[r]);
  });
}

}  // namespace belle::ops::BELLE_ISA
