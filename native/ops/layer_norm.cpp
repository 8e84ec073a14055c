#include "native/ops/layer_norm.h"

#include "native/ops/columns.h"
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

// Lanes past the end must not count: a zero there would become 0 - mean.
BELLE_INLINE vf centred(const float* x, float mean, int64_t count) {
  const vf v = load_first(x, count) - splat(mean);
  if (count >= kLanes) return v;
  return lane_numbers() < static_cast<int32_t>(count) ? v : vf{};
}

void layer_norm(float* out, float* mean, float* rstd, const float* x, const float* weight, const float* bias,
                float eps, int64_t rows, int64_t d) {
  for (int64_t r = 0; r < rows; ++r, x += d, out += d) {
    vf sum = {};
    for_vectors(d, [&](int64_t i, int64_t count) { sum = sum + load_first(x + i, count); });
    const float middle = sum_lanes(sum) / static_cast<float>(d);
    vf squares = {};
    for_vectors(d, [&](int64_t i, int64_t count) {
      const vf v = centred(x + i, middle, count);
      squares = mul_add(v, v, squares);
    });
    const float scale = 1.0f / __builtin_sqrtf(sum_lanes(squares) / static_cast<float>(d) + eps);
    mean[r] = middle;
    rstd[r] = scale;
    for_vectors(d, [&](int64_t i, int64_t count) {
      const vf h = centred(x + i, middle, count) * splat(scale);
      store_first(out + i, mul_add(h, load_first(weight + i, count), load_first(bias + i, count)), count);
    });
  }
}

void layer_norm_backward(float* dx, const float* dout, const float* x, const float* weight, const float* mean,
                         const float* rstd, int64_t rows, int64_t d) {
  for (int64_t r = 0; r < rows; ++r, x += d, dout += d, dx += d) {
    vf sum = {}, products = {};
    for_vectors(d, [&](int64_t i, int64_t count) {
      const vf g = load_first(dout + i, count) * load_first(weight + i, count);
      sum = sum + g;
      products = mul_add(g, centred(x + i, mean[r], count), products);
    });
    const float shift = sum_lanes(sum) / static_cast<float>(d);
    const float pull = sum_lanes(products) / static_cast<float>(d) * rstd[r] * rstd[r];
    for_vectors(d, [&](int64_t i, int64_t count) {
      const vf g = load_first(dout + i, count) * load_first(weight + i, count) - splat(shift);
      store_first(dx + i, splat(rstd[r]) * mul_add(centred(x + i, mean[r], count), splat(-pull), g), count);
    });
  }
}

void layer_norm_weight_gradient(float* dweight, const float* dout, const float* x, const float* mean,
                                const float* rstd, int64_t rows, int64_t d, int64_t first, int64_t last) {
  add_column_sums(dweight, rows, first, last, [&](int64_t r, int64_t c, int64_t count) {
    return load_first(dout + r * d + c, count) * centred(x + r * d + c, mean[r], count) * splat(rstd[r]);
  });
}

}  // namespace belle::ops::BELLE_ISA
