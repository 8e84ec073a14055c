// peak_flops: a kernel that does nothing but multiply, with operands in registers (Hopper's warp-group
// products read B from shared memory: they have no other form).
#include <algorithm>

#include "cuda/device/launch.cuh"
#include "cuda/device/tensor_core.cuh"
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

// D[64, 128] += A[64, 16] B[16, 128] by the four warps of a warp group.
__device__ __forceinline__ void warp_group_product(float (&d)[64], const uint32_t (&a)[4], uint64_t b) {
  asm volatile(
      "{\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "{%64, %65, %66, %67}, %68, 1, 1, 1, 0;\n"
      "}\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]),
        "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]),
        "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]),
        "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]),
        "+f"(d[30]), "+f"(d[31]), "+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]),
        "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]), "+f"(d[41]), "+f"(d[42]), "+f"(d[43]),
        "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]), "+f"(d[49]), "+f"(d[50]),
        "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]), "+f"(d[56]), "+f"(d[57]),
        "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

// A round is as many operations as one of the kernel below: 8 warps x kChains products of 16 x 8 x 16.
__global__ void __launch_bounds__(kThreads) tensor_peak(float* out, int rounds) {
  __align__(1024) __shared__ uint32_t b[16 * 128 / 2];
  for (unsigned i = threadIdx.x; i < 16 * 128 / 2; i += kThreads) b[i] = operand(i);
  __syncthreads();
  asm volatile("fence.proxy.async.shared::cta;\n" ::: "memory");
  // Without a swizzle: 8 x 8 cores of 128 bytes, one after the other; strides in units of 16 bytes.
  const uint64_t cores = (shared_address(b) >> 4) & 0x3fff, leading = 128 >> 4, stride = 256 >> 4;
  const uint64_t where = cores | leading << 16 | stride << 32;
  const uint32_t a[4] = {operand(0), operand(1), operand(2), operand(3)};
  float sums[64] = {};
  constexpr int kProducts = 8;  // rounds of one turn: 2 warp groups x 64 x 128 x 16 each
  for (int round = 0; round < rounds; round += 2 * kProducts) {
    asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory");
#pragma unroll
    for (int i = 0; i < kProducts; ++i) warp_group_product(sums, a, where);
    asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory");
    asm volatile("wgmma.wait_group.sync.aligned 0;\n" ::: "memory");
  }
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 64; ++i) sum += sums[i];
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
