#include "cuda/device/launch.cuh"
#include "cuda/ops/column_sums.h"

namespace belle::cuda {

namespace {

constexpr int kSide = 32;  // columns of a block, and at most the parts that are added at a time

__global__ void __launch_bounds__(kSide* kSide)
    column_sums_kernel(float* out, const float* parts, int64_t count, int64_t d) {
  __shared__ float sums[kSide][kSide];
  const int64_t column = static_cast<int64_t>(blockIdx.x) * kSide + threadIdx.x;
  float sum = 0;
  if (column < d) {
#pragma unroll 4
    for (int64_t p = threadIdx.y; p < count; p += blockDim.y) sum += parts[p * d + column];
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0 || column >= d) return;
#pragma unroll 4
  for (unsigned y = 1; y < blockDim.y; ++y) sum += sums[y][threadIdx.x];
  out[column] += sum;
}

}  // namespace

Status add_column_sums(Context& cuda, const char* op, float* out, const float* parts, int64_t count,
                       int64_t d) {
  const dim3 block{kSide, static_cast<unsigned>(count < kSide ? count : kSide)};
  return check_cuda(
      op, launch(column_sums_kernel, dim3{blocks_of(d, kSide)}, block, 0, cuda.stream, out, parts, count, d));
}

Result<float*> scratch_floats(Context& cuda, const char* op, int64_t count) {
  float* scratch = cuda.scratch.get<float>(cuda.stream, count);
  if (!scratch) return scratch_missing(op, count * 4);
  return scratch;
}

}  // namespace belle::cuda
