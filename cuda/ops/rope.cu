// Rotate-half RoPE in place. A block takes a few tokens and up to 64 of the angles of each: it computes those
// once, in the precision of the CPU backend's table, and turns all heads by them.
#include <cmath>

#include "cuda/device/element.cuh"
#include "cuda/device/launch.cuh"
#include "cuda/entries.h"

namespace belle::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int kTokens = 4;
constexpr int kAngles = 64;

struct Rope {
  const int32_t* positions;
  int64_t tokens, stride, head_stride;
  int32_t heads, half;
  double log2_theta;
  float turn;  // -1 turns back
};

// The frequency is a float64 power and the angle a float32 product, as Hugging Face has them; the sine of the
// angle is taken in float64: far positions keep their bits.
__device__ __forceinline__ float2 cos_sin(const Rope& a, int32_t position, int32_t i) {
  const float exponent = static_cast<float>(2 * i) / static_cast<float>(2 * a.half);
  const float frequency = 1.0f / static_cast<float>(exp2(exponent * a.log2_theta));
  const float angle = static_cast<float>(position) * frequency;
  double sine, cosine;
  sincospi(angle * 0.31830988618379067154, &sine, &cosine);
  return make_float2(static_cast<float>(cosine), a.turn * static_cast<float>(sine));
}

template <class T, int Count>
__global__ void __launch_bounds__(kThreads) rope_kernel(T* x, Rope a) {
  __shared__ float2 table[kTokens][kAngles];
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kTokens;
  const int tokens = static_cast<int>(min(static_cast<int64_t>(kTokens), a.tokens - first));
  const int32_t from = static_cast<int32_t>(blockIdx.y) * kAngles, angles = min(kAngles, a.half - from);
  for (int at = threadIdx.x; at < tokens * kAngles; at += kThreads) {
    const int t = at / kAngles, i = at % kAngles;
    if (i < angles) table[t][i] = cos_sin(a, a.positions[first + t], from + i);
  }
  __syncthreads();
  const int packs = angles / Count, row = packs * a.heads;
  for (int at = threadIdx.x; at < tokens * row; at += kThreads) {
    const int t = at / row, head = at % row / packs, i = at % packs * Count;
    T* low = x + (first + t) * a.stride + head * a.head_stride + from + i;
    T* high = low + a.half;
    Elements<T, Count> l = load_elements<T, Count>(low), h = load_elements<T, Count>(high);
#pragma unroll
    for (int j = 0; j < Count; ++j) {
      const float2 turn = table[t][i + j];
      const float old = l.x[j];
      l.x[j] = fmaf(old, turn.x, -(h.x[j] * turn.y));
      h.x[j] = fmaf(h.x[j], turn.x, old * turn.y);
    }
    store_elements(low, l);
    store_elements(high, h);
  }
}

belle_status rope(void* context, void* x, const int32_t* positions, int64_t tokens, int32_t heads,
                  int32_t head_dim, int64_t stride, int64_t head_stride, float theta, int32_t inverse,
                  int32_t type) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_rope(x, positions, tokens, heads, head_dim, stride, head_stride, theta, type));
    if (tokens == 0) return {};
    const int32_t half = head_dim / 2;
    const Rope args = {.positions = positions,
                       .tokens = tokens,
                       .stride = stride,
                       .head_stride = head_stride,
                       .heads = heads,
                       .half = half,
                       .log2_theta = std::log2(static_cast<double>(theta)),
                       .turn = inverse ? -1.0f : 1.0f};
    const dim3 grid{blocks_of(tokens, kTokens), blocks_of(half, kAngles)};
    return with_type(type, [&]<class T>(T) {
      constexpr int pack = Pack<T>::kCount;
      const bool wide = all_aligned(x) && half % pack == 0 && stride % pack == 0 && head_stride % pack == 0;
      return check_cuda("rope", launch(wide ? rope_kernel<T, pack> : rope_kernel<T, 1>, grid, dim3{kThreads},
                                       0, cuda.stream, static_cast<T*>(x), args));
    });
  });
}

}  // namespace

void set_rope_entries(belle_backend& b) { b.rope = rope; }

}  // namespace belle::cuda
