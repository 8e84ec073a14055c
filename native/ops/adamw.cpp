#include "native/ops/adamw.h"

#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

void adamw(float* weight, const float* grad, float* m, float* v, int64_t n, const AdamWScalars& s) {
  for_vectors(n, [&](int64_t i, int64_t count) {
    const vf g = load_first(grad + i, count) * splat(s.grad_scale);
    const vf w = load_first(weight + i, count) * splat(s.decay);
    const vf m0 = load_first(m + i, count);
    const vf m1 = mul_add(splat(s.one_minus_beta1), g - m0, m0);
    const vf v1 = mul_add(splat(s.one_minus_beta2) * g, g, load_first(v + i, count) * splat(s.beta2));
    const vf denominator = square_root(v1) / splat(s.root_correction2) + splat(s.eps);
    store_first(m + i, m1, count);
    store_first(v + i, v1, count);
    store_first(weight + i, w + splat(-s.step_size) * m1 / denominator, count);
  });
}

}  // namespace belle::ops::BELLE_ISA
