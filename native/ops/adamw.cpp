#include "native/ops/adamw.h"

#include "native/ops/typed.h"
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

struct WholeWeights {
  float* weight;
  inline __attribute__((always_inline)) vf get(int64_t i, int64_t count) const {
    return load_first(weight + i, count);
  }
  inline __attribute__((always_inline)) void set(int64_t i, vf w, int64_t count) const {
    store_first(weight + i, w, count);
  }
};

// A float32 in two halves: the weight is the high half after adding half a unit of it, the remainder what
// that is off, in [-32768, 32767]. Adding the two gives the bits back; the carry does the rounding. A NaN is
// made the plain one: the carry must not reach the sign of another.
struct SplitWeights {
  bf16* weight;
  int16_t* remainder;
  inline __attribute__((always_inline)) vf get(int64_t i, int64_t count) const {
    const bf16* low = reinterpret_cast<const bf16*>(remainder) + i;
    return (vf)((vu)load_first(weight + i, count) + (vu)((vi)load_first(low, count) >> 16));
  }
  inline __attribute__((always_inline)) void set(int64_t i, vf w, int64_t count) const {
    const vu bits = (vu)(w != w ? vi{} + 0x7fc00000 : (vi)w);
    const vh high = __builtin_convertvector((bits + 0x8000) >> 16, vh);
    const vh low = __builtin_convertvector(bits & 0xffff, vh);
    const uint64_t bytes = 2 * static_cast<uint64_t>(count >= kLanes ? kLanes : count);
    __builtin_memcpy(weight + i, &high, bytes);
    __builtin_memcpy(remainder + i, &low, bytes);
  }
};

template <class Weights>
static void update(Weights weights, const float* grad, float* m, float* v, int64_t n, const AdamWScalars& s) {
  for_vectors(n, [&](int64_t i, int64_t count) {
    const vf g = load_first(grad + i, count) * splat(s.grad_scale);
    const vf w = weights.get(i, count) * splat(s.decay);
    const vf m0 = load_first(m + i, count);
    const vf m1 = mul_add(splat(s.one_minus_beta1), g - m0, m0);
    const vf v1 = mul_add(splat(s.one_minus_beta2) * g, g, load_first(v + i, count) * splat(s.beta2));
    const vf denominator = square_root(v1) / splat(s.root_correction2) + splat(s.eps);
    store_first(m + i, m1, count);
    store_first(v + i, v1, count);
    weights.set(i, w + splat(-s.step_size) * m1 / denominator, count);
  });
}

void adamw(void* weight, int16_t* remainder, const float* grad, float* m, float* v, int64_t n,
           const AdamWScalars& scalars, Type type) {
  if (type == Type::bf16) {
    update(SplitWeights{static_cast<bf16*>(weight), remainder}, grad, m, v, n, scalars);
  } else {
    update(WholeWeights{static_cast<float*>(weight)}, grad, m, v, n, scalars);
  }
}

}  // namespace belle::ops::BELLE_ISA
