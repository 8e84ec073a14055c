// peak_flops: a kernel that does nothing but multiply, with operands in registers (Hopper's warp-group
// products read B from shared memory: they have no other form).
#include <algorithm>

#include "cuda/device/launch.cuh"
#include "cuda/device/tensor_core.cuh"
#include "cuda/device/warp_group.cuh"
#include "cuda/gemm/gemm.h"

namespace belle::cuda {

namespace {

constexpr int kThreads = 256, kChains = 8;  // sums that do not wait for one another

__global__ void __launch_bounds__(kThreads) fma_peak(float* out, int rounds) {
  float sums[kChains];
#pragma unroll
  for (int i = 0; i < kChains; ++i) sums[i] = static_cast<float>(threadIdx.x) + static_cast<float>(i);
  const float x = 0.999f + 1e-6f * static_cast<float>(threadIdx.x), y = 1e-3f;
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int i = 0; i < kChains; ++i) sums[i] = __fmaf_rn(sums[i], x, y);
  }
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kChains; ++i) sum += sums[i];
  out[static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x] = sum;
}

// Some bfloat16 pair near 1, another for every thread: operands of zeros would cost less power than real
// ones.
__device__ __forceinline__ uint32_t operand(unsigned i) {
  return 0x3f803f80u ^ (((threadIdx.x * 37u + i * 11u) & 0x7fu) * 0x00010001u) ^ ((i % 2) << 31) ^
         ((i % 3) << 15);
}

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

// A round is as many operations as one of the kernel below: 8 warps x kChains products of 16 x 8 x 16.
__global__ void __launch_bounds__(kThreads) tensor_peak(float* out, int rounds) {
  __align__(1024) __shared__ uint32_t b[16 * 128 / 2];
  for (unsigned i = threadIdx.x; i < 16 * 128 / 2; i += kThreads) b[i] = operand(i);
  __syncthreads();
  shared_written();
  // Without a swizzle: 8 x 8 cores of 128 bytes, one after the other; strides in units of 16 bytes.
  const uint64_t cores = (shared_address(b) >> 4) & 0x3fff, leading = 128 >> 4, stride = 256 >> 4;
  const uint64_t where = cores | leading << 16 | stride << 32;
  const uint32_t a[4] = {operand(0), operand(1), operand(2), operand(3)};
  float sums[16][4] = {};
  constexpr int kProducts = 8;  // rounds of one turn: 2 warp groups x 64 x 128 x 16 each
  for (int round = 0; round < rounds; round += 2 * kProducts) {
    products_begin();
#pragma unroll
    for (int i = 0; i < kProducts; ++i) product_16<0>(sums, a, where);
    products_commit();
    products_wait<0>();
  }
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 64; ++i) sum += sums[i / 4][i % 4];
  out[static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x] = sum;
}

#else

__global__ void __launch_bounds__(kThreads) tensor_peak(float* out, int rounds) {
  const uint32_t a[4] = {operand(0), operand(1), operand(2), operand(3)}, b[2] = {operand(4), operand(5)};
  float sums[kChains][4] = {};
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int i = 0; i < kChains; ++i) mma_m16n8k16(sums[i], a, b);
  }
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kChains; ++i) sum += sums[i][0] + sums[i][1] + sums[i][2] + sums[i][3];
  out[static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x] = sum;
}

#endif

struct Timer {
  cudaEvent_t begin = nullptr, end = nullptr;
  ~Timer() {
    if (begin) cudaEventDestroy(begin);
    if (end) cudaEventDestroy(end);
  }
};

// Seconds of one launch, waited for.
Status time_launch(Context& cuda, bool tensor, unsigned blocks, int rounds, float* out, double* seconds) {
  Timer timer;
  BELLE_TRY(check_cuda("peak_flops", cudaEventCreate(&timer.begin)));
  BELLE_TRY(check_cuda("peak_flops", cudaEventCreate(&timer.end)));
  BELLE_TRY(check_cuda("peak_flops", cudaEventRecord(timer.begin, cuda.stream)));
  BELLE_TRY(check_cuda("peak_flops", launch(tensor ? tensor_peak : fma_peak, dim3{blocks}, dim3{kThreads}, 0,
                                            cuda.stream, out, rounds)));
  BELLE_TRY(check_cuda("peak_flops", cudaEventRecord(timer.end, cuda.stream)));
  BELLE_TRY(check_cuda("peak_flops", cudaEventSynchronize(timer.end)));
  float milliseconds = 0;
  BELLE_TRY(check_cuda("peak_flops", cudaEventElapsedTime(&milliseconds, timer.begin, timer.end)));
  *seconds = std::max(milliseconds, 1e-3f) / 1e3;
  return {};
}

}  // namespace

Status measure_peak(Context& cuda, int32_t type, double* out) {
  const bool tensor = type == BELLE_BF16;
  const auto blocks = 2 * static_cast<unsigned>(cuda.properties.multiProcessorCount);
  float* results = cuda.scratch.get<float>(cuda.stream, static_cast<int64_t>(blocks) * kThreads);
  if (!results) return {StatusCode::out_of_memory, "peak_flops: there is no device memory for its results"};
  // Of one round of a block.
  const double operations = tensor ? kThreads / 32 * kChains * 2.0 * 16 * 8 * 16 : kThreads * kChains * 2.0;
  int rounds = 16;
  double seconds = 0, best = 0;
  BELLE_TRY(time_launch(cuda, tensor, blocks, rounds, results, &seconds));  // warms up
  BELLE_TRY(time_launch(cuda, tensor, blocks, rounds, results, &seconds));
  // As many rounds as take some 4 ms; then the fastest of 6.
  while (seconds < 2e-3 && rounds < (1 << 24)) {
    rounds *= 4;
    BELLE_TRY(time_launch(cuda, tensor, blocks, rounds, results, &seconds));
  }
  for (int run = 0; run < 6; ++run) {
    if (run > 0) BELLE_TRY(time_launch(cuda, tensor, blocks, rounds, results, &seconds));
    best = std::max(best, operations * rounds * blocks / seconds);
  }
  *out = best;
  return {};
}

}  // namespace belle::cuda
