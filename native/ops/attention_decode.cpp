#include "native/ops/attention_parts.h"

namespace belle::ops::BELLE_ISA {

namespace {

// One register's worth of a row of queries and of keys, and the products of both added to a sum.
template <class T>
struct Products {
  static constexpr int64_t kElements = kLanes;
  using Step = FloatStep;
  static inline __attribute__((always_inline)) vf take(const T* x, int64_t count) {
    return load_first(x, count);
  }
};
#if defined(__AVX512BF16__)
template <>
struct Products<bf16> {
  static constexpr int64_t kElements = 2 * kLanes;
  using Step = PairStep;
  static inline __attribute__((always_inline)) vf take(const bf16* x, int64_t count) {
    return (vf)_mm512_maskz_loadu_epi16(
        count >= kElements ? ~__mmask32{} : static_cast<__mmask32>((1u << count) - 1), x);
  }
};
#endif

// Lane r = the sum of the lanes of x[r].
BELLE_INLINE vf sum_each(vf (&x)[kLanes]) {
#if defined(__AVX512F__)
  auto unpack = [](vf a, vf b) {
    return (vf)_mm512_maskz_unpacklo_ps(0xffff, (__m512)a, (__m512)b) +
           (vf)_mm512_maskz_unpackhi_ps(0xffff, (__m512)a, (__m512)b);
  };
  auto unpack_pairs = [](vf a, vf b) {
    return (vf)_mm512_maskz_unpacklo_pd(0xff, (__m512d)a, (__m512d)b) +
           (vf)_mm512_maskz_unpackhi_pd(0xff, (__m512d)a, (__m512d)b);
  };
  auto quarters = [](vf a, vf b) {
    return (vf)_mm512_maskz_shuffle_f32x4(0xffff, (__m512)a, (__m512)b, 0x88) +
           (vf)_mm512_maskz_shuffle_f32x4(0xffff, (__m512)a, (__m512)b, 0xdd);
  };
  vf four[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i)
    four[i] = unpack_pairs(unpack(x[4 * i], x[4 * i + 1]), unpack(x[4 * i + 2], x[4 * i + 3]));
  return quarters(quarters(four[0], four[1]), quarters(four[2], four[3]));
#else
  float sums[kLanes];
  for (int r = 0; r < kLanes; ++r) sums[r] = sum_lanes(x[r]);
  return load(sums);
#endif
}

// The cache is read as it lies: key after key, and of a key one kv head after the other.
constexpr int64_t kAhead = 2048;  // bytes that are asked for before they are needed
constexpr int kKeys = 8;          // of values at a time

// weights[head][j] = q . k for every query head and key: kLanes pairs of (key, kv head) at a time.
template <class T>
void bare_scores(const AttentionDecodeRange& a) {
  using P = Products<T>;
  const int64_t d = a.head_dim, group = a.heads / a.kv_heads, count = (a.to - a.from) * a.kv_heads;
  const T *k = static_cast<const T*>(a.k) + a.from * a.kv_heads * d, *q = static_cast<const T*>(a.q);
  int64_t key = 0, head = 0;
  for (int64_t i = 0; i < count; i += kLanes) {
    const T *rows[kLanes], *queries[kLanes];
    float* to[kLanes];
    for (int64_t r = 0; r < kLanes; ++r) {
      // The pairs after the last one repeat it.
      rows[r] = k + at_most(i + r, count - 1) * d;
      queries[r] = q + head * group * a.q_stride;
      to[r] = a.weights + head * group * kDecodeKeys + key;
      if (i + r + 1 < count && ++head == a.kv_heads) {
        head = 0;
        ++key;
      }
    }
    for (int64_t at = 0; at < kLanes * d * static_cast<int64_t>(sizeof(T)); at += 64)
      __builtin_prefetch(reinterpret_cast<const char*>(rows[0]) + kAhead + at, 0, 3);
    for (int64_t g = 0; g < group; ++g) {
      vf sums[kLanes] = {};
      for (int64_t e = 0; e < d; e += P::kElements) {
#pragma GCC unroll 16
        for (int r = 0; r < kLanes; ++r) {
          const vf x = P::take(queries[r] + g * a.q_stride + e, d - e);
          sums[r] = P::Step::add(sums[r], x, P::take(rows[r] + e, d - e));
        }
      }
      float scores[kLanes];
      store(scores, sum_each(sums));
      for (int64_t r = 0; r < kLanes; ++r) to[r][g * kDecodeKeys] = scores[r];
    }
  }
}

// Scores of one head to probabilities against their maximum, 0 up to a whole step of the values; the maximum
// and the sum go to part.
BELLE_INLINE void softmax(const AttentionDecodeRange& a, float* weights, float slope, float* part) {
  const int64_t keys = a.to - a.from;
  const float scale = a.scale * kLog2E;
  vf top = splat(-__builtin_inff());
  for (int64_t j = 0; j < keys; j += kLanes) {
    const vi distance = lane_numbers() + static_cast<int32_t>(a.from + j - a.position);
    const vf s = mul_add(load(weights + j), splat(scale), splat(slope * kLog2E) * to_float(distance));
    const vi inside = lane_numbers() < static_cast<int32_t>(keys - j);
    top = larger(inside ? s : top, top);
    store(weights + j, s);
  }
  part[0] = largest_lane(top);
  vf total = {};
  for (int64_t j = 0; j < round_up(keys, kKeys); j += kLanes) {
    vf p = power_of_two(load(weights + j) - splat(part[0]));
    p = lane_numbers() < static_cast<int32_t>(keys - j) ? p : vf{};
    total = total + p;
    store(weights + j, p);
  }
  part[1] = sum_lanes(total);
}

// Adds kKeys rows of values times their weights to out[cols]. Rows past the last key repeat it and have
// weight 0.
template <class T>
BELLE_INLINE void add_weighted(const T* const (&rows)[kKeys], const float* weights, float* out,
                               int64_t cols) {
#if defined(__AVX512BF16__)
  if constexpr (sizeof(T) == 2) {
    typedef int16_t words __attribute__((vector_size(64)));
    constexpr words low = {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                           8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
    constexpr words high = low + 16;
    const vh rounded = narrow(load_first(weights, kKeys));
    uint32_t pairs[kLanes / 2];
    __builtin_memcpy(pairs, &rounded, sizeof(pairs));
    for (int64_t e = 0; e < cols; e += 32) {
      vf sums[2] = {load_first(out + e, cols - e),
                    cols - e > 16 ? load_first(out + e + 16, cols - e - 16) : vf{}};
#pragma GCC unroll 4
      for (int j = 0; j < kKeys; j += 2) {
        const __m512i x = (__m512i)Products<T>::take(rows[j] + e, cols - e),
                      y = (__m512i)Products<T>::take(rows[j + 1] + e, cols - e);
        const vf w = (vf)(static_cast<int32_t>(pairs[j / 2]) - vi{});
        sums[0] = PairStep::add(sums[0], w, (vf)_mm512_permutex2var_epi16(x, (__m512i)low, y));
        sums[1] = PairStep::add(sums[1], w, (vf)_mm512_permutex2var_epi16(x, (__m512i)high, y));
      }
      store_first(out + e, sums[0], cols - e);
      if (cols - e > 16) store_first(out + e + 16, sums[1], cols - e - 16);
    }
    return;
  }
#endif
  for_vectors(cols, [&](int64_t e, int64_t count) {
    vf sum = load_first(out + e, count);
#pragma GCC unroll 8
    for (int j = 0; j < kKeys; ++j) sum = mul_add(splat(weights[j]), load_first(rows[j] + e, count), sum);
    store_first(out + e, sum, count);
  });
}

template <class T>
void add_values(const AttentionDecodeRange& a) {
  const int64_t d = a.head_dim, group = a.heads / a.kv_heads, width = a.kv_heads * d, keys = a.to - a.from;
  const T* v = static_cast<const T*>(a.v) + a.from * width;
  for (int64_t j = 0; j < keys; j += kKeys) {
    for (int64_t h = 0; h < a.kv_heads; ++h) {
      const T* rows[kKeys];
      for (int64_t r = 0; r < kKeys; ++r) rows[r] = v + at_most(j + r, keys - 1) * width + h * d;
      for (int64_t g = h * group; g < (h + 1) * group; ++g)
        add_weighted<T>(rows, a.weights + g * kDecodeKeys + j, a.parts + g * decode_part(d) + 2, d);
    }
  }
}

template <class T>
void decode(const AttentionDecodeRange& a) {
  bare_scores<T>(a);
  for (int64_t h = 0; h < a.heads; ++h) {
    float* part = a.parts + h * decode_part(a.head_dim);
    softmax(a, a.weights + h * kDecodeKeys, a.slopes[h * a.slope_step], part);
    __builtin_memset(part + 2, 0, static_cast<uint64_t>(a.head_dim) * 4);
  }
  add_values<T>(a);
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
