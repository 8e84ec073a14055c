// AdamW on float32 weights, and on weights in two halves: the same float32 step, bit for bit, whatever the
// compiler would fuse.
#include "cuda/device/eight.cuh"
#include "cuda/device/launch.cuh"
#include "cuda/entries.h"
#include "native/abi/adamw_scalars.h"

namespace belle::cuda {

namespace {

constexpr int kThreads = 256;

__device__ __forceinline__ float take_step(float weight, float grad, float& m, float& v,
                                           const AdamWScalars& s) {
  const float g = __fmul_rn(grad, s.grad_scale), w = __fmul_rn(weight, s.decay);
  m = __fmaf_rn(s.one_minus_beta1, __fadd_rn(g, -m), m);
  v = __fmaf_rn(__fmul_rn(s.one_minus_beta2, g), g, __fmul_rn(v, s.beta2));
  const float denominator = __fadd_rn(sqrtf(v) / s.root_correction2, s.eps);
  return __fadd_rn(w, __fmul_rn(-s.step_size, m) / denominator);
}

struct WholeWeights {
  float* weight;
  template <bool Wide>
  __device__ __forceinline__ Eight get(int64_t i, int64_t count) const {
    return load_eight<Wide>(weight + i, count);
  }
  template <bool Wide>
  __device__ __forceinline__ void set(int64_t i, const Eight& w, int64_t count) const {
    store_eight<Wide>(weight + i, w, count);
  }
};

// The weight is the high half after adding half a unit of it, the remainder what that is off: adding the two
// gives the bits back. A NaN is made the plain one: the carry must not reach the sign of another.
struct SplitWeights {
  bf16 *weight, *remainder;
  template <bool Wide>
  __device__ __forceinline__ Eight get(int64_t i, int64_t count) const {
    const Eight high = load_eight<Wide>(weight + i, count), low = load_eight<Wide>(remainder + i, count);
    Eight w;
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      const auto rest = static_cast<int32_t>(__float_as_uint(low.x[j])) >> 16;
      w.x[j] = __uint_as_float(__float_as_uint(high.x[j]) + static_cast<uint32_t>(rest));
    }
    return w;
  }
  template <bool Wide>
  __device__ __forceinline__ void set(int64_t i, const Eight& w, int64_t count) const {
    uint32_t high[8], low[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      const uint32_t bits = w.x[j] != w.x[j] ? 0x7fc00000u : __float_as_uint(w.x[j]);
      high[j] = (bits + 0x8000u) >> 16;
      low[j] = bits & 0xffffu;
    }
    put<Wide>(weight + i, high, count);
    put<Wide>(remainder + i, low, count);
  }

 private:
  template <bool Wide>
  __device__ __forceinline__ static void put(bf16* p, const uint32_t (&x)[8], int64_t count) {
    if constexpr (Wide) {
      *reinterpret_cast<uint4*>(p) =
          make_uint4(x[0] | x[1] << 16, x[2] | x[3] << 16, x[4] | x[5] << 16, x[6] | x[7] << 16);
    } else {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        if (j < count) p[j] = static_cast<bf16>(x[j]);
      }
    }
  }
};

template <bool Wide, class Weights>
__device__ __forceinline__ void update(const Weights& weights, const float* grad, float* m, float* v,
                                       int64_t i, int64_t count, const AdamWScalars& step) {
  Eight w = weights.template get<Wide>(i, count);
  const Eight g = load_eight<Wide>(grad + i, count);
  Eight m1 = load_eight<Wide>(m + i, count), v1 = load_eight<Wide>(v + i, count);
#pragma unroll
  for (int j = 0; j < 8; ++j) w.x[j] = take_step(w.x[j], g.x[j], m1.x[j], v1.x[j], step);
  store_eight<Wide>(m + i, m1, count);
  store_eight<Wide>(v + i, v1, count);
  weights.template set<Wide>(i, w, count);
}

template <bool Wide, class Weights>
__global__ void __launch_bounds__(kThreads)
    adamw_kernel(Weights weights, const float* grad, float* m, float* v, int64_t n, AdamWScalars step) {
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * 8;
  if (i >= n) return;
  if (Wide && i + 8 <= n) {
    update<Wide>(weights, grad, m, v, i, 8, step);
  } else {
    update<false>(weights, grad, m, v, i, n - i, step);
  }
}

template <class Weights>
Status run(Context& cuda, const Weights& weights, bool wide_weights, const belle_adamw_args& a,
           const AdamWScalars& step) {
  return with_wide(wide_weights && all_aligned(a.grad, a.m, a.v), [&](auto wide) {
    return check_cuda("adamw", launch(adamw_kernel<wide.value, Weights>, dim3{blocks_of(a.n, 8 * kThreads)},
                                      dim3{kThreads}, 0, cuda.stream, weights, a.grad, a.m, a.v, a.n, step));
  });
}

belle_status adamw(void* context, const belle_adamw_args* args) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_adamw(args));
    const belle_adamw_args& a = *args;
    if (a.n == 0) return {};
    const AdamWScalars step = abi::adamw_scalars(a);
    if (a.type == BELLE_F32)
      return run(cuda, WholeWeights{static_cast<float*>(a.weight)}, all_aligned(a.weight), a, step);
    return run(cuda, SplitWeights{static_cast<bf16*>(a.weight), reinterpret_cast<bf16*>(a.remainder)},
               all_aligned(a.weight, a.remainder), a, step);
  });
}

}  // namespace

void set_adamw_entries(belle_backend& b) { b.adamw = adamw; }

}  // namespace belle::cuda
