#pragma once
// One step of one accumulator: a float, or a pair of bfloat16 with both products added in float32.
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

namespace {

struct FloatStep {
  static inline __attribute__((always_inline)) vf add(vf sum, vf a, vf b) { return mul_add(a, b, sum); }
};
#if defined(__AVX512BF16__)
struct PairStep {
  static inline __attribute__((always_inline)) vf add(vf sum, vf a, vf b) {
    return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
  }
};
#else
using PairStep = FloatStep;  // the items are widened already
#endif

}  // namespace

}  // namespace belle::ops::BELLE_ISA
