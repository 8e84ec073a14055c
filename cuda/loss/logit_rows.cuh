#pragma once
// Softmax cross-entropy of rows of logits, one block a row: the loss, and the logits overwritten by their
// gradient. Thread t takes the 8 entries from 8 t on, then every 8 kLogitThreads: a row's bits do not depend
// on how it is aligned.
#include "cuda/device/element.cuh"
#include "cuda/device/reduce.cuh"

namespace belle::cuda {

constexpr int kLogitThreads = 512;

struct LogitRows {
  void* logits;
  int64_t ld, vocab;
  const int32_t* targets;
  const int64_t* picked;  // row i of the logits is row picked[i] of targets and losses
  float* losses;
  float grad_scale;
  bool gradient;
};

struct Eight {
  float x[8];
};
// Wide: p is 16-byte aligned. Entries from `count` on are `rest`.
template <bool Wide>
__device__ __forceinline__ Eight load_eight(const float* p, int64_t count, float rest) {
  Eight e;
  if (Wide && count >= 8) {
    const Pack<float> low = load_pack(p), high = load_pack(p + 4);
#pragma unroll
    for (int i = 0; i < 4; ++i) e.x[i] = low.x[i], e.x[i + 4] = high.x[i];
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i) e.x[i] = i < count ? p[i] : rest;
  }
  return e;
}
template <bool Wide>
__device__ __forceinline__ Eight load_eight(const bf16* p, int64_t count, float rest) {
  Eight e;
  if (Wide && count >= 8) {
    const Pack<bf16> pack = load_pack(p);
#pragma unroll
    for (int i = 0; i < 8; ++i) e.x[i] = pack.x[i];
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i) e.x[i] = i < count ? widen(p[i]) : rest;
  }
  return e;
}
template <bool Wide>
__device__ __forceinline__ void store_eight(float* p, int64_t count, const Eight& e) {
  if (Wide && count >= 8) {
    store_pack(p, {{e.x[0], e.x[1], e.x[2], e.x[3]}});
    store_pack(p + 4, {{e.x[4], e.x[5], e.x[6], e.x[7]}});
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i)
      if (i < count) p[i] = e.x[i];
  }
}
template <bool Wide>
__device__ __forceinline__ void store_eight(bf16* p, int64_t count, const Eight& e) {
  if (Wide && count >= 8) {
    store_pack(p, {{e.x[0], e.x[1], e.x[2], e.x[3], e.x[4], e.x[5], e.x[6], e.x[7]}});
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i)
      if (i < count) narrow(e.x[i], p + i);
  }
}

// exp(x - highest) where both may be -infinity.
__device__ __forceinline__ float exp_below(float x, float highest) {
  return x == highest ? 1.0f : expf(x - highest);
}

template <class T, bool Wide>
__global__ void __launch_bounds__(kLogitThreads) logit_rows_kernel(const LogitRows g) {
  __shared__ float scratch[2][32];
  const int64_t row = g.picked[blockIdx.x];
  T* logits = static_cast<T*>(g.logits) + static_cast<int64_t>(blockIdx.x) * g.ld;
  const int32_t target = g.targets[row];
  const float chosen = widen(logits[target]);  // before it is overwritten

  // The highest so far, and the sum of exp(x - it).
  float highest = -INFINITY, sum = 0;
  for (int64_t at = static_cast<int64_t>(threadIdx.x) * 8; at < g.vocab; at += kLogitThreads * 8) {
    const Eight e = load_eight<Wide>(logits + at, g.vocab - at, -INFINITY);
    float top = e.x[0];
#pragma unroll
    for (int i = 1; i < 8; ++i) top = fmaxf(top, e.x[i]);
    if (top > highest) {
      sum *= expf(highest - top);
      highest = top;
    }
#pragma unroll
    for (int i = 0; i < 8; ++i)
      if (i < g.vocab - at) sum += exp_below(e.x[i], highest);
  }
  const float all_highest = block_max(highest, scratch[0]);
  const float total = block_sum(sum == 0.0f ? 0.0f : sum * exp_below(highest, all_highest), scratch[1]);
  if (threadIdx.x == 0) g.losses[row] = logf(total) - (chosen - all_highest);
  if (!g.gradient) return;

  const float scale = g.grad_scale / total;
  for (int64_t at = static_cast<int64_t>(threadIdx.x) * 8; at < g.vocab; at += kLogitThreads * 8) {
    Eight e = load_eight<Wide>(logits + at, g.vocab - at, 0.0f);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const float p = scale * exp_below(e.x[i], all_highest);
      e.x[i] = at + i == target ? p - g.grad_scale : p;
    }
    store_eight<Wide>(logits + at, g.vocab - at, e);
  }
}

}  // namespace belle::cuda
