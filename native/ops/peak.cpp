#include "native/ops/peak.h"

#include "native/ops/sum_step.h"
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

template <class Step>
BELLE_INLINE double run(int64_t rounds, double operations) {
  vf sum[kSums], a = splat(1.0f), b = splat(0.5f);
#pragma GCC unroll 24
  for (int i = 0; i < kSums; ++i) sum[i] = vf{};
  BELLE_OPAQUE(a);
  BELLE_OPAQUE(b);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
    for (int i = 0; i < kSums; ++i) {
      sum[i] = Step::add(sum[i], a, b);
      BELLE_OPAQUE(sum[i]);
    }
  }
  return operations * kLanes * kSums * static_cast<double>(rounds);
}

double peak(Type type, int64_t rounds) {
  // Where bfloat16 is widened its arithmetic is float32's.
  return kPairs && type == Type::bf16 ? run<PairStep>(rounds, 4) : run<FloatStep>(rounds, 2);
}

}  // namespace belle::ops::BELLE_ISA
