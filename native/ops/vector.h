#pragma once
// One vector register of the instruction set this file is compiled for. Only for native/ops/*.cpp: everything
// here has internal linkage and nothing of the C++ library is used, so no code built for a newer CPU can be
// merged by the linker into code that runs on an older one. Kernels are compiled with -ffp-contract=off: what
// is fused is written mul_add, so an element is computed with the same arithmetic wherever it stands in a
// row, a tile or a tail.
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#ifndef BELLE_ISA
#error "native/ops is compiled once per instruction set: define BELLE_ISA (see CMakeLists.txt)"
#endif
#define BELLE_INLINE static inline __attribute__((always_inline))

namespace belle::ops::BELLE_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
static_assert(kLanes == BELLE_LANES,
              "the compiler options do not give the instruction set this library is named after");
constexpr int kVectorBytes = 4 * kLanes;

typedef float vf __attribute__((vector_size(kVectorBytes)));
typedef int32_t vi __attribute__((vector_size(kVectorBytes)));
typedef float vf_unaligned __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));

BELLE_INLINE vf splat(float x) { return x - vf{}; }
BELLE_INLINE vf load(const float* p) { return *reinterpret_cast<const vf_unaligned*>(p); }
BELLE_INLINE void store(float* p, vf x) { *reinterpret_cast<vf_unaligned*>(p) = x; }

// bfloat16: the high half of a float32. Stored rounded to nearest even; a NaN stays a NaN. The instruction of
// AVX512-BF16 also flushes denormal values to zero.
typedef uint16_t bf16;
typedef uint16_t vh __attribute__((vector_size(2 * kLanes)));
typedef uint16_t vh_unaligned __attribute__((vector_size(2 * kLanes), aligned(2), may_alias));
typedef uint32_t vu __attribute__((vector_size(kVectorBytes)));

// Each instruction set's own widening: GCC makes five instructions of the vector conversion.
BELLE_INLINE vf widen(vh x) {
#if defined(__AVX512F__)
  return (vf)((vu)_mm512_maskz_cvtepu16_epi32(0xffff, (__m256i)x) << 16);
#elif defined(__AVX2__)
  return (vf)((vu)_mm256_cvtepu16_epi32((__m128i)x) << 16);
#elif defined(__SSE4_1__)
  return (vf)((vu)_mm_cvtepu16_epi32(_mm_set_epi64x(0, (int64_t)x)) << 16);
#else
  return (vf)(__builtin_convertvector(x, vu) << 16);
#endif
}
BELLE_INLINE vh narrow(vf x) {
#if defined(__AVX512BF16__)
  return (vh)_mm512_cvtneps_pbh((__m512)x);
#else
  const vu bits = (vu)x;
  const vu rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return __builtin_convertvector((vu)(x != x ? (vi)((bits >> 16) | 0x40) : (vi)rounded), vh);
#endif
}
BELLE_INLINE vf load(const bf16* p) { return widen(*reinterpret_cast<const vh_unaligned*>(p)); }
BELLE_INLINE void store(bf16* p, vf x) { *reinterpret_cast<vh_unaligned*>(p) = narrow(x); }

// The first `count` lanes; the others are 0 (load) or left alone in memory (store).
BELLE_INLINE vf load_first(const float* p, int64_t count) {
  if (count >= kLanes) return load(p);
  vf x = {};
  __builtin_memcpy(&x, p, static_cast<uint64_t>(count) * 4);
  return x;
}
BELLE_INLINE void store_first(float* p, vf x, int64_t count) {
  if (count >= kLanes) {
    store(p, x);
  } else {
    __builtin_memcpy(p, &x, static_cast<uint64_t>(count) * 4);
  }
}

// a * b + c, in one rounding where the instruction set has it.
BELLE_INLINE vf mul_add(vf a, vf b, vf c) {
#if defined(__AVX512F__)
  return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

BELLE_INLINE vf square_root(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_sqrt_ps(0xffff, (__m512)x);  // the unmasked one warns in GCC 12
#elif defined(__AVX2__)
  return (vf)_mm256_sqrt_ps((__m256)x);
#elif defined(__x86_64__)
  return (vf)_mm_sqrt_ps((__m128)x);
#elif defined(__aarch64__)
  return (vf)vsqrtq_f32((float32x4_t)x);
#else
  for (int lane = 0; lane < kLanes; ++lane) x[lane] = __builtin_sqrtf(x[lane]);
  return x;
#endif
}

BELLE_INLINE vf larger(vf a, vf b) { return a > b ? a : b; }

// x held to a bound; a NaN stays a NaN.
BELLE_INLINE vf at_most(vf x, vf bound) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_min_ps(0xffff, (__m512)bound, (__m512)x);
#elif defined(__AVX2__)
  return (vf)_mm256_min_ps((__m256)bound, (__m256)x);
#elif defined(__x86_64__)
  return (vf)_mm_min_ps((__m128)bound, (__m128)x);
#else
  return x > bound ? bound : x;
#endif
}
BELLE_INLINE vf at_least(vf x, vf bound) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_max_ps(0xffff, (__m512)bound, (__m512)x);
#elif defined(__AVX2__)
  return (vf)_mm256_max_ps((__m256)bound, (__m256)x);
#elif defined(__x86_64__)
  return (vf)_mm_max_ps((__m128)bound, (__m128)x);
#else
  return x < bound ? bound : x;
#endif
}

// 1 / x within 1.5 units in the last place, for 2^-125 < |x| < 2^125.
BELLE_INLINE vf reciprocal(vf x) {
#if defined(__AVX512F__)
  const vf near = (vf)_mm512_maskz_rcp14_ps(0xffff, (__m512)x);
  return mul_add(near, mul_add(-x, near, splat(1.0f)), near);
#else
  return splat(1.0f) / x;
#endif
}

BELLE_INLINE vi lane_numbers() {
  vi x = {};
  for (int lane = 0; lane < kLanes; ++lane) x[lane] = lane;
  return x;
}
BELLE_INLINE vf to_float(vi x) { return __builtin_convertvector(x, vf); }

BELLE_INLINE vf load_first(const bf16* p, int64_t count) {
  if (count >= kLanes) return load(p);
  vh x = {};
  __builtin_memcpy(&x, p, static_cast<uint64_t>(count) * 2);
  return widen(x);
}
BELLE_INLINE void store_first(bf16* p, vf x, int64_t count) {
  if (count >= kLanes) {
    store(p, x);
  } else {
    const vh y = narrow(x);
    __builtin_memcpy(p, &y, static_cast<uint64_t>(count) * 2);
  }
}

// Lane l of the result is lane l ^ Half of x.
template <int Half>
BELLE_INLINE vf swap_lanes(vf x) {
#if defined(__clang__)
  vf y = {};
  for (int lane = 0; lane < kLanes; ++lane) y[lane] = x[lane ^ Half];
  return y;
#else
  return __builtin_shuffle(x, lane_numbers() ^ Half);
#endif
}
// Lanes added in a fixed tree: halves onto halves. (The remainders only keep the branches not taken valid.)
BELLE_INLINE float sum_lanes(vf x) {
  if constexpr (kLanes >= 16) x = x + swap_lanes<8 % kLanes>(x);
  if constexpr (kLanes >= 8) x = x + swap_lanes<4 % kLanes>(x);
  x = x + swap_lanes<2>(x);
  return (x + swap_lanes<1>(x))[0];
}
BELLE_INLINE float largest_lane(vf x) {
  if constexpr (kLanes >= 16) x = larger(x, swap_lanes<8 % kLanes>(x));
  if constexpr (kLanes >= 8) x = larger(x, swap_lanes<4 % kLanes>(x));
  x = larger(x, swap_lanes<2>(x));
  return larger(x, swap_lanes<1>(x))[0];
}

// e^x with an error below 1.5 ulp over the whole range, denormal results and infinity included; NaN stays
// NaN. x = n ln2 + r, |r| <= ln2/2; the polynomial is that of Cephes expf; 2^n is applied in two steps so
// that neither factor leaves the normal range, by an instruction for it where there is one.
BELLE_INLINE vf exponential(vf x) {
  // e^89 is infinity, e^-104 below half of the smallest denormal.
  x = at_least(at_most(x, splat(89.0f)), splat(-104.0f));
  const vf magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  const vf shifted = mul_add(x, splat(1.44269504088896341f), magic);
  const vf n = shifted - magic;
  vf r = mul_add(n, splat(-0.693359375f), x);
  r = mul_add(n, splat(2.12194440e-4f), r);
  const vf r2 = r * r;  // pairs of coefficients side by side: what limits this is the chain, not the work
  const vf high = mul_add(r, splat(1.9875691500e-4f), splat(1.3981999507e-3f));
  const vf middle = mul_add(r, splat(8.3334519073e-3f), splat(4.1665795894e-2f));
  const vf low = mul_add(r, splat(1.6666665459e-1f), splat(5.0000001201e-1f));
  const vf p = mul_add(mul_add(mul_add(high, r2, middle), r2, low), r2, r) + splat(1.0f);
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_scalef_ps(0xffff, (__m512)p, (__m512)n);
#else
  const vi exponent = (vi)shifted - (vi)magic;
  const vi half = exponent >> 1;
  const vi scale1 = (half + 127) << 23, scale2 = (exponent - half + 127) << 23;
  return p * (vf)scale1 * (vf)scale2;
#endif
}

// 1 / (1 + e^-x), and 1 minus that without cancellation. e^-x is held to 2^120 so that its reciprocal is a
// normal number.
struct Sigmoid {
  vf value, complement;
};
BELLE_INLINE Sigmoid sigmoid(vf x) {
  const vf e = at_most(exponential(-x), splat(0x1p120f));
  const vf value = reciprocal(splat(1.0f) + e);
  return {value, e * value};
}

// body(i, count) for each vector of [0, n): count = kLanes but for the last.
template <class Body>
BELLE_INLINE void for_vectors(int64_t n, Body body) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, static_cast<int64_t>(kLanes));
  if (i < n) body(i, n - i);
}

}  // namespace belle::ops::BELLE_ISA
