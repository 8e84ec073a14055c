// Column sums of bias gradients, and float64 sums whose value goes to the host. The order is fixed: blocks of
// rows or of elements, then one tree over their partial sums.
#include "cuda/device/eight.cuh"
#include "cuda/device/launch.cuh"
#include "cuda/device/reduce.cuh"
#include "cuda/entries.h"
#include "cuda/ops/column_sums.h"

namespace belle::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int64_t kPartRows = 32;    // rows of one partial sum
constexpr int kColumnThreads = 128;  // an eight of columns each

template <class T, bool Wide>
__global__ void __launch_bounds__(kColumnThreads)
    bias_backward_kernel(float* parts, const T* dout, int64_t rows, int64_t d, unsigned tiles) {
  const int64_t part = blockIdx.x / tiles, first = part * kPartRows;
  const int64_t column = (static_cast<int64_t>(blockIdx.x % tiles) * kColumnThreads + threadIdx.x) * 8;
  if (column >= d) return;
  const int count = static_cast<int>(min(kPartRows, rows - first));
  dout += first * d + column;
  Eight sum = {};
#pragma unroll 8
  for (int r = 0; r < count; ++r) {
    const Eight v = load_eight<Wide>(dout + r * d, d - column);
#pragma unroll
    for (int j = 0; j < 8; ++j) sum.x[j] += v.x[j];
  }
  store_eight<Wide>(parts + part * d + column, sum, d - column);
}

belle_status bias_backward(void* context, float* dbias, const void* dout, int64_t tokens, int64_t d,
                           int32_t type) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_bias_backward(dbias, dout, tokens, d, type));
    if (tokens == 0) return {};
    const int64_t parts = blocks_of(tokens, kPartRows);
    const unsigned tiles = blocks_of(d, 8 * kColumnThreads);
    BELLE_ASSIGN(float* sums, scratch_floats(cuda, "bias_backward", parts * d));
    BELLE_TRY(with_type(type, [&]<class T>(T) {
      return with_wide(wide_rows(d, dout), [&](auto wide) {
        return check_cuda("bias_backward",
                          launch(bias_backward_kernel<T, wide.value>,
                                 dim3{static_cast<unsigned>(parts) * tiles}, dim3{kColumnThreads}, 0,
                                 cuda.stream, sums, static_cast<const T*>(dout), tokens, d, tiles));
      });
    }));
    return add_column_sums(cuda, "bias_backward", dbias, sums, parts, d);
  });
}

constexpr int64_t kPartElements = 16384;

__device__ __forceinline__ double power(float x, bool squared) {
  return squared ? static_cast<double>(x) * static_cast<double>(x) : static_cast<double>(x);
}

template <bool Squared, bool Wide>
__global__ void __launch_bounds__(kThreads) sum_kernel(double* parts, const float* x, int64_t n) {
  __shared__ double scratch[32];
  const int64_t first = blockIdx.x * kPartElements, last = min(first + kPartElements, n);
  double sum = 0;
#pragma unroll 2
  for (int64_t i = first + 8 * threadIdx.x; i < last; i += 8 * kThreads) {
    const Eight v = Wide && i + 8 <= last ? load_eight<Wide>(x + i, 8) : load_eight<false>(x + i, last - i);
#pragma unroll
    for (int j = 0; j < 8; ++j) sum += power(v.x[j], Squared);
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(1024) sum_parts_kernel(double* out, const double* parts, int64_t count) {
  __shared__ double scratch[32];
  double sum = 0;
#pragma unroll 4
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) sum += parts[i];
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) *out = sum;
}

template <bool Squared>
belle_status sum_with(void* context, const char* op, const float* x, int64_t n, double* out) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_sum(op, x, n, out));
    *out = 0;
    if (n == 0) return {};
    const int64_t parts = blocks_of(n, kPartElements);
    BELLE_ASSIGN(float* scratch, scratch_floats(cuda, op, 2 * (parts + 1)));
    double *total = reinterpret_cast<double*>(scratch), *sums = total + 1;
    BELLE_TRY(check_cuda(
        op, launch(all_aligned(x) ? sum_kernel<Squared, true> : sum_kernel<Squared, false>,
                   dim3{static_cast<unsigned>(parts)}, dim3{kThreads}, 0, cuda.stream, sums, x, n)));
    BELLE_TRY(check_cuda(op, launch(sum_parts_kernel, dim3{1}, dim3{1024}, 0, cuda.stream, total,
                                    static_cast<const double*>(sums), parts)));
    BELLE_TRY(
        check_cuda(op, cudaMemcpyAsync(out, total, sizeof(double), cudaMemcpyDeviceToHost, cuda.stream)));
    return check_cuda(op, cudaStreamSynchronize(cuda.stream));
  });
}

belle_status sum_squares(void* context, const float* x, int64_t n, double* out) {
  return sum_with<true>(context, "sum_squares", x, n, out);
}
belle_status sum(void* context, const float* x, int64_t n, double* out) {
  return sum_with<false>(context, "sum", x, n, out);
}

}  // namespace

void set_sum_entries(belle_backend& b) {
  b.bias_backward = bias_backward;
  b.sum = sum;
  b.sum_squares = sum_squares;
}

}  // namespace belle::cuda
