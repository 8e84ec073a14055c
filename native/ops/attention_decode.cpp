#include "native/ops/attention_parts.h"

namespace belle::ops::BELLE_ISA {

namespace {

template <class T>
void decode(const AttentionDecodeRange& a) {
  const int64_t d = a.head_dim, keys = a.to - a.from;
  const T *k = static_cast<const T*>(a.k) + a.from * a.kv_stride,
          *v = static_cast<const T*>(a.v) + a.from * a.kv_stride;
  for (int64_t g = 0; g < a.group; ++g) {
    const T* q = static_cast<const T*>(a.q) + g * a.q_stride;
    float* part = a.parts + g * a.part_stride;
    alignas(64) float weights[kDecodeKeys + kLanes];
    for (int64_t j = 0; j < keys; ++j) {
      vf sum = {};
      for_vectors(d, [&](int64_t e, int64_t n) {
        sum = mul_add(load_first(q + e, n), load_first(k + j * a.kv_stride + e, n), sum);
      });
      weights[j] = sum_lanes(sum);
    }
    const float slope = a.slopes[g * a.slope_step] * kLog2E, scale = a.scale * kLog2E;
    vf top = splat(-__builtin_inff());
    for (int64_t j = 0; j < keys; j += kLanes) {
      const vi distance = lane_numbers() + static_cast<int32_t>(a.from + j - a.position);
      vf s = mul_add(load(weights + j), splat(scale), splat(slope) * to_float(distance));
      s = lane_numbers() < static_cast<int32_t>(keys - j) ? s : splat(-__builtin_inff());
      top = larger(s, top);
      store(weights + j, s);
    }
    const float maximum = largest_lane(top);
    vf total = {};
    for (int64_t j = 0; j < keys; j += kLanes) {
      vf p = power_of_two(load(weights + j) - splat(maximum));
      p = lane_numbers() < static_cast<int32_t>(keys - j) ? p : vf{};
      total = total + p;
      store(weights + j, p);
    }
    part[0] = maximum;
    part[1] = sum_lanes(total);
    for_vectors(d, [&](int64_t e, int64_t n) {
      vf sum = {};
      for (int64_t j = 0; j < keys; ++j)
        sum = mul_add(splat(weights[j]), load_first(v + j * a.kv_stride + e, n), sum);
      store_first(part + 2 + e, sum, n);
    });
  }
}

template <class T>
void merge(const AttentionDecodeParts& a) {
  float maximum = -__builtin_inff(), sum = 0;
  for (int64_t i = 0; i < a.ranges; ++i) {
    const float here = a.parts[i * a.range_stride];
    maximum = here > maximum ? here : maximum;
  }
  for (int64_t i = 0; i < a.ranges; ++i) {
    const float* part = a.parts + i * a.range_stride;
    sum += power_of_two(splat(part[0] - maximum))[0] * part[1];
  }
  for_vectors(a.head_dim, [&](int64_t e, int64_t n) {
    vf x = {};
    for (int64_t i = 0; i < a.ranges; ++i) {
      const float* part = a.parts + i * a.range_stride;
      x = mul_add(power_of_two(splat(part[0] - maximum)), load_first(part + 2 + e, n), x);
    }
    store_first(static_cast<T*>(a.out) + e, x / splat(sum), n);
  });
}

}  // namespace

void attention_decode(const AttentionDecodeRange& range) {
  range.type == Type::f32 ? decode<float>(range) : decode<bf16>(range);
}

void attention_decode_merge(const AttentionDecodeParts& parts) {
  parts.type == Type::f32 ? merge<float>(parts) : merge<bf16>(parts);
}

}  // namespace belle::ops::BELLE_ISA
