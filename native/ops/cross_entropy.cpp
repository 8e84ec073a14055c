#include "native/ops/cross_entropy.h"

#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

float cross_entropy(float* logits, int64_t n, int64_t target, int32_t gradient, float grad_scale) {
  vf top = splat(-__builtin_inff());
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) top = larger(load(logits + i), top);
  float highest = largest_lane(top);
  for (; i < n; ++i) highest = logits[i] > highest ? logits[i] : highest;
  const double chosen = logits[target];

  constexpr int64_t kBlock = 64 * kLanes;
  double total = 0;
  for (int64_t start = 0; start < n; start += kBlock) {
    vf sum = {};
    for_vectors(n - start < kBlock ? n - start : kBlock, [&](int64_t j, int64_t count) {
      vf e = exponential(load_first(logits + start + j, count) - splat(highest));
      store_first(logits + start + j, e, count);
      if (count < kLanes) e = lane_numbers() < static_cast<int32_t>(count) ? e : vf{};
      sum = sum + e;
    });
    total += sum_lanes(sum);
  }
  if (gradient) {
    const vf scale = splat(static_cast<float>(grad_scale / total));
    for_vectors(n, [&](int64_t j, int64_t count) {
      store_first(logits + j, load_first(logits + j, count) * scale, count);
    });
    logits[target] -= grad_scale;
  }
  return static_cast<float>(__builtin_log(total) - (chosen - highest));
}

}  // namespace belle::ops::BELLE_ISA
