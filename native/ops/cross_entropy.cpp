#include "native/ops/cross_entropy.h"

#include "native/ops/typed.h"
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

template <class T>
BELLE_INLINE float value(const T* x) {
  return load_first(x, 1)[0];
}

template <class T>
static float highest_of(const T* logits, int64_t n) {
  vf top[4] = {splat(-__builtin_inff()), splat(-__builtin_inff()), splat(-__builtin_inff()),
               splat(-__builtin_inff())};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int p = 0; p < 4; ++p) top[p] = larger(load(logits + i + p * kLanes), top[p]);
  }
  for (; i + kLanes <= n; i += kLanes) top[0] = larger(load(logits + i), top[0]);
  float highest = largest_lane(larger(larger(top[0], top[1]), larger(top[2], top[3])));
  for (; i < n; ++i) {
    const float x = value(logits + i);
    highest = x > highest ? x : highest;
  }
  return highest;
}

template <class T>
static float row_loss(T* logits, int64_t n, int64_t target, bool gradient, float grad_scale) {
  const float highest = highest_of(logits, n), chosen = value(logits + target);
  constexpr int64_t kBlock = 64 * kLanes;
  double total = 0;
  for (int64_t start = 0; start < n; start += kBlock) {
    vf sum = {};
    for_vectors(n - start < kBlock ? n - start : kBlock, [&](int64_t j, int64_t count) {
      vf e = exponential(load_first(logits + start + j, count) - splat(highest));
      if (count < kLanes) e = lane_numbers() < static_cast<int32_t>(count) ? e : vf{};
      sum = sum + e;
    });
    total += sum_lanes(sum);
  }
  if (gradient) {
    // The exponentials are computed again: kept in the logits' type they would be rounded twice.
    const vf scale = splat(static_cast<float>(grad_scale / total));
    for_vectors(n, [&](int64_t j, int64_t count) {
      store_first(logits + j, exponential(load_first(logits + j, count) - splat(highest)) * scale, count);
    });
    store_first(logits + target, exponential(splat(chosen) - splat(highest)) * scale - splat(grad_scale), 1);
  }
  return static_cast<float>(__builtin_log(total) - (static_cast<double>(chosen) - highest));
}

float cross_entropy(void* logits, int64_t n, int64_t target, int32_t gradient, float grad_scale, Type type) {
  return with_type(type, [&]<class T>(T) {
    return row_loss(static_cast<T*>(logits), n, target, gradient != 0, grad_scale);
  });
}

}  // namespace belle::ops::BELLE_ISA
