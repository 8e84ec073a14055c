#pragma once
// Elements in memory as float32 in registers: float, or bfloat16 rounded to nearest even when stored (a NaN
// stays a NaN). bf16 is its bits, as in native/ops/vector.h.
#include <cuda_runtime.h>

#include <cstdint>

namespace belle::cuda {

using bf16 = uint16_t;

__device__ __forceinline__ float widen(float x) { return x; }
__device__ __forceinline__ float widen(bf16 x) { return __uint_as_float(static_cast<uint32_t>(x) << 16); }

// Two elements as they lie in memory: `low` first.
__device__ __forceinline__ uint32_t narrow_pair(float low, float high) {
#if defined(__CUDACC__)
  uint32_t bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;\n" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
#else
  const auto narrow = [](float x) -> uint32_t {
    const uint32_t bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fffu;
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  };
  return narrow(low) | narrow(high) << 16;
#endif
}
__device__ __forceinline__ void narrow(float x, float* out) { *out = x; }
__device__ __forceinline__ void narrow(float x, bf16* out) { *out = static_cast<bf16>(narrow_pair(x, 0.0f)); }

// The 16 bytes of a vector load or store: 4 floats or 8 bfloat16.
template <class T>
struct Pack {
  static constexpr int kCount = 16 / sizeof(T);
  float x[kCount];
};

__device__ __forceinline__ Pack<float> load_pack(const float* p) {
  const float4 v = *reinterpret_cast<const float4*>(p);
  return {{v.x, v.y, v.z, v.w}};
}
__device__ __forceinline__ Pack<bf16> load_pack(const bf16* p) {
  const uint4 v = *reinterpret_cast<const uint4*>(p);
  const uint32_t words[4] = {v.x, v.y, v.z, v.w};
  Pack<bf16> pack;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    pack.x[2 * i] = __uint_as_float(words[i] << 16);
    pack.x[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
  }
  return pack;
}
__device__ __forceinline__ void store_pack(float* p, const Pack<float>& v) {
  *reinterpret_cast<float4*>(p) = make_float4(v.x[0], v.x[1], v.x[2], v.x[3]);
}
__device__ __forceinline__ void store_pack(bf16* p, const Pack<bf16>& v) {
  *reinterpret_cast<uint4*>(p) = make_uint4(narrow_pair(v.x[0], v.x[1]), narrow_pair(v.x[2], v.x[3]),
                                            narrow_pair(v.x[4], v.x[5]), narrow_pair(v.x[6], v.x[7]));
}

// Count elements: a pack, or one where buffers or rows do not allow packs.
template <class T, int Count>
struct Elements {
  float x[Count];
};
template <class T, int Count>
__device__ __forceinline__ Elements<T, Count> load_elements(const T* p) {
  Elements<T, Count> e;
  if constexpr (Count == 1) {
    e.x[0] = widen(*p);
  } else {
    const Pack<T> pack = load_pack(p);
#pragma unroll
    for (int i = 0; i < Count; ++i) e.x[i] = pack.x[i];
  }
  return e;
}
template <class T, int Count>
__device__ __forceinline__ void store_elements(T* p, const Elements<T, Count>& e) {
  if constexpr (Count == 1) {
    narrow(e.x[0], p);
  } else {
    Pack<T> pack;
#pragma unroll
    for (int i = 0; i < Count; ++i) pack.x[i] = e.x[i];
    store_pack(p, pack);
  }
}

}  // namespace belle::cuda
