#include "cuda/device/launch.cuh"
#include "cuda/device/reduce.cuh"
#include "cuda/ops/column_sums.h"

namespace belle::cuda {

namespace {

constexpr int kSide = 32;  // columns of a block, and the parts that are added at a time

__global__ void __launch_bounds__(kSide* kSide)
    column_sums_kernel(float* out, const float* parts, int64_t count, int64_t d) {
  __shared__ float sums[kSide][kSide + 1];
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kSide, column = first + threadIdx.x;
  float sum = 0;
  if (column < d) {
#pragma unroll 4
    for (int64_t p = threadIdx.y; p < count; p += kSide) sum += parts[p * d + column];
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  sum = warp_sum(sums[threadIdx.x][threadIdx.y]);
  if (threadIdx.x == 0 && first + threadIdx.y < d) out[first + threadIdx.y] += sum;
}

}  // namespace

Status add_column_sums(Context& cuda, const char* op, float* out, const float* parts, int64_t count,
                       int64_t d) {
  return check_cuda(op, launch(column_sums_kernel, dim3{blocks_of(d, kSide)}, dim3{kSide, kSide}, 0,
                               cuda.stream, out, parts, count, d));
}

Result<float*> scratch_floats(Context& cuda, const char* op, int64_t count) {
  float* scratch = cuda.scratch.get<float>(cuda.stream, count);
  if (scratch) return scratch;
  return Status(StatusCode::out_of_memory, std::string(op) + ": no " +
                                               show_bytes(static_cast<uint64_t>(count) * sizeof(float)) +
                                               " of scratch memory; use a smaller batch or max_length");
}

}  // namespace belle::cuda
