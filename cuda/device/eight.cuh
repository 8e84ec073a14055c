#pragma once
// Eight neighbouring elements as float32: what one thread takes of a row or of a flat buffer. Eight whatever
// the type and the alignment, so that sums have one order for all of them.
#include <type_traits>

#include "cuda/device/alignment.h"
#include "cuda/device/element.cuh"

namespace belle::cuda {

struct Eight {
  float x[8];
};

// The first `count` of them, zeros after those. Wide: all eight, 16-byte aligned.
template <bool Wide, class T>
__device__ __forceinline__ Eight load_eight(const T* p, int64_t count) {
  Eight v;
  if constexpr (Wide) {
    constexpr int size = Pack<T>::kCount;
#pragma unroll
    for (int part = 0; part < 8; part += size) {
      const Pack<T> pack = load_pack(p + part);
#pragma unroll
      for (int i = 0; i < size; ++i) v.x[part + i] = pack.x[i];
    }
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i) v.x[i] = i < count ? widen(p[i]) : 0.0f;
  }
  return v;
}

template <bool Wide, class T>
__device__ __forceinline__ void store_eight(T* p, const Eight& v, int64_t count) {
  if constexpr (Wide) {
    constexpr int size = Pack<T>::kCount;
#pragma unroll
    for (int part = 0; part < 8; part += size) {
      Pack<T> pack;
#pragma unroll
      for (int i = 0; i < size; ++i) pack.x[i] = v.x[part + i];
      store_pack(p + part, pack);
    }
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      if (i < count) narrow(v.x[i], p + i);
    }
  }
}

// Whether rows of d elements at these addresses are eights that can be taken whole.
template <class... Pointers>
bool wide_rows(int64_t d, Pointers... rows) {
  return d % 8 == 0 && all_aligned(rows...);
}
// body(std::bool_constant<wide>)
template <class Body>
auto with_wide(bool wide, Body body) {
  return wide ? body(std::true_type{}) : body(std::false_type{});
}

}  // namespace belle::cuda
