#include "native/ops/peak.h"

#include "native/ops/tile.h"

namespace belle::ops::BELLE_ISA {

constexpr int kSums = kTileRows * kTileVectors;  // independent sums: more than latency times units

// The compiler must not see through a round: every sum passes through an empty asm.
#if defined(__x86_64__)
#define BELLE_OPAQUE(x) asm volatile("" : "+x"(x))
#elif defined(__aarch64__)
#define BELLE_OPAQUE(x) asm volatile("" : "+w"(x))
#endif

#if defined(__AVX512F__)
#undef BELLE_OPAQUE
#define BELLE_OPAQUE(x) asm volatile("" : "+v"(x))
#endif

template <class Add>
BELLE_INLINE double run(int64_t rounds, double operations, Add add) {
  vf sum[kSums], a = splat(1.0f), b = splat(0.5f);
#pragma GCC unroll 24
  for (int i = 0; i < kSums; ++i) sum[i] = vf{};
  BELLE_OPAQUE(a);
  BELLE_OPAQUE(b);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
    for (int i = 0; i < kSums; ++i) {
      sum[i] = add(sum[i], a, b);
      BELLE_OPAQUE(sum[i]);
    }
  }
  return operations * kLanes * kSums * static_cast<double>(rounds);
}

double peak(Type type, int64_t rounds) {
#if defined(__AVX512BF16__)
  if (type == Type::bf16) {
    return run(
        rounds, 4, [](vf sum, vf a, vf b) __attribute__((always_inline)) {
          return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
        });
  }
#endif
  (void)type;  // bfloat16 is widened: the same arithmetic
  return run(
      rounds, 2, [](vf sum, vf a, vf b) __attribute__((always_inline)) { return mul_add(a, b, sum); });
}

}  // namespace belle::ops::BELLE_ISA
