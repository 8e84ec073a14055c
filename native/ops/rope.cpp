#include "native/ops/rope.h"

#include "native/ops/typed.h"
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

void rope_table(float* table, int32_t position, int32_t head_dim, float theta) {
  const int32_t half = head_dim / 2;
  for (int32_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    const float frequency = 1.0f / static_cast<float>(__builtin_pow(theta, exponent));
    const float angle = static_cast<float>(position) * frequency;
    table[i] = static_cast<float>(__builtin_cos(angle));
    table[half + i] = static_cast<float>(__builtin_sin(angle));
  }
}

template <class T>
static void rotate(T* x, const float* table, int32_t heads, int32_t half, int64_t head_stride, float turn) {
  const vf sign = splat(turn);
  for (int32_t h = 0; h < heads; ++h, x += head_stride) {
    for_vectors(half, [&](int64_t i, int64_t count) {
      const vf cosine = load_first(table + i, count), sine = load_first(table + half + i, count) * sign;
      const vf low = load_first(x + i, count), high = load_first(x + half + i, count);
      // Two roundings and no fused step, as x * cos + rotate_half(x) * sin has in float32.
      store_first(x + i, low * cosine - high * sine, count);
      store_first(x + half + i, high * cosine + low * sine, count);
    });
  }
}

void rope_rotate(void* x, const float* table, int32_t heads, int32_t head_dim, int64_t head_stride,
                 int32_t inverse, Type type) {
  with_type(type, [&]<class T>(T) {
    rotate(static_cast<T*>(x), table, heads, head_dim / 2, head_stride, inverse ? -1.0f : 1.0f);
  });
}

}  // namespace belle::ops::BELLE_ISA
