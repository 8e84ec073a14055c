// What the backward pass needs of each query: its log-sum-exp in units of log2, and delta, the sum of
// dout * out, by eight neighbouring threads.
#include "cuda/attention/attention.h"
#include "cuda/attention/mma_tile.cuh"
#include "cuda/device/eight.cuh"

namespace belle::cuda {

namespace {

constexpr int kThreads = 256, kThreadsOfRow = 8;

template <class T, bool Wide>
__global__ void rows_kernel(AttentionRow* rows, const T* out, const T* dout, const float* lse, int64_t tokens,
                            int heads, int d) {
  const int64_t row =
      static_cast<int64_t>(blockIdx.x) * (kThreads / kThreadsOfRow) + threadIdx.x / kThreadsOfRow;
  const int64_t token = row / heads, head = row % heads;
  float sum = 0;
  if (token < tokens) {
    for (int e = static_cast<int>(threadIdx.x) % kThreadsOfRow * 8; e < d; e += kThreadsOfRow * 8) {
      const Eight x = load_eight<Wide>(out + row * d + e, d - e),
                  y = load_eight<Wide>(dout + row * d + e, d - e);
#pragma unroll
      for (int i = 0; i < 8; ++i) sum = fmaf(x.x[i], y.x[i], sum);
    }
  }
#pragma unroll
  for (int lanes = kThreadsOfRow / 2; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lanes);
  if (token < tokens && threadIdx.x % kThreadsOfRow == 0) {
    const int64_t at = head * tokens + token;
    rows[at] = {lse[at] * kLog2e, sum};
  }
}

}  // namespace

Status attention_backward_rows(Context& cuda, const AttentionInputs& in, const void* dout, int32_t type,
                               AttentionRow* rows) {
  const unsigned blocks = blocks_of(in.tokens * in.heads, kThreads / kThreadsOfRow);
  return with_type(type, [&]<class T>(T) {
    return with_wide(wide_rows(in.head_dim, in.out, dout), [&]<bool Wide>(std::bool_constant<Wide>) {
      return check_cuda("attention_backward",
                        launch(rows_kernel<T, Wide>, dim3{blocks}, dim3{kThreads}, 0, cuda.stream, rows,
                               static_cast<const T*>(in.out), static_cast<const T*>(dout),
                               static_cast<const float*>(in.lse), in.tokens, in.heads, in.head_dim));
    });
  });
}

}  // namespace belle::cuda
