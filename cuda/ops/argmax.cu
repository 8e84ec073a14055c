// Where the largest of each row is: a block a row. Values are compared as integers in their order, in the
// upper half of a word whose lower half prefers the first place: one maximum finds both.
#include "cuda/device/launch.cuh"
#include "cuda/entries.h"

namespace belle::cuda {

namespace {

constexpr int kThreads = 512;
constexpr uint64_t kNotNumber = ~uint64_t{0};  // above every number

// Larger floats are larger; not of NaN.
__device__ __forceinline__ uint32_t ordered(float x) {
  const uint32_t bits = __float_as_uint(x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
constexpr uint32_t kLeastFinite = 0x00800000u, kMostFinite = 0xff7fffffu;  // ordered(-FLT_MAX), (FLT_MAX)

__device__ __forceinline__ uint64_t warp_most(uint64_t x) {
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    const uint64_t high = __shfl_xor_sync(0xffffffffu, static_cast<uint32_t>(x >> 32), lanes),
                   low = __shfl_xor_sync(0xffffffffu, static_cast<uint32_t>(x), lanes);
    const uint64_t other = high << 32 | low;
    x = x > other ? x : other;
  }
  return x;
}

__global__ void __launch_bounds__(kThreads)
    argmax_kernel(int32_t* __restrict__ out, const float* __restrict__ x, int64_t n, int64_t stride) {
  __shared__ uint64_t most[kThreads / 32];
  x += blockIdx.x * stride;
  uint64_t best = 0;
  for (int64_t i = threadIdx.x; i < n; i += kThreads) {
    const float value = x[i] == 0.0f ? 0.0f : x[i];  // -0 equals 0
    const uint64_t here = value != value ? kNotNumber
                                         : static_cast<uint64_t>(ordered(value)) << 32 |
                                               (0xffffffffu - static_cast<uint32_t>(i));
    best = best > here ? best : here;
  }
  best = warp_most(best);
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (lane == 0) most[warp] = best;
  __syncthreads();
  if (warp > 0) return;
  best = warp_most(lane < kThreads / 32 ? most[lane] : 0);
  const auto value = static_cast<uint32_t>(best >> 32);
  const bool finite = best != kNotNumber && value >= kLeastFinite && value <= kMostFinite;
  if (lane == 0)
    out[blockIdx.x] = finite ? static_cast<int32_t>(0xffffffffu - static_cast<uint32_t>(best)) : -1;
}

}  // namespace

void set_argmax_entry(belle_backend& b) {
  b.argmax = [](void* context, int32_t* out, const float* x, int64_t rows, int64_t n, int64_t stride) {
    return run_op(context, [&](Context& cuda) -> Status {
      BELLE_TRY(abi::check_argmax(out, x, rows, n, stride));
      if (rows == 0) return {};
      return check_cuda("argmax", launch(argmax_kernel, dim3{static_cast<unsigned>(rows)}, dim3{kThreads}, 0,
                                         cuda.stream, out, x, n, stride));
    });
  };
}

}  // namespace belle::cuda
