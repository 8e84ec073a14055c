#pragma once
// What only Hopper (sm_90a) has: products of a warp group (wgmma), whose operands lie in shared memory as
// tiles of 64 columns with the 128-byte swizzle; registers handed from one warp group to another.
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/device/tensor_core.cuh"

namespace belle::cuda {

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

// Shared memory that this thread wrote, for the copy engine and the products.
__device__ __forceinline__ void shared_written() {
  asm volatile("fence.proxy.async.shared::cta;\n" ::: "memory");
}

// Known to be the same in all threads of a warp.
__device__ __forceinline__ int group_of_thread() {
  return __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 128, 0);
}

// ---- registers ------------------------------------------------------------------------------------------

template <int Count>
__device__ __forceinline__ void registers_up() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;\n" ::"n"(Count));
}
template <int Count>
__device__ __forceinline__ void registers_down() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;\n" ::"n"(Count));
}

// ---- products -------------------------------------------------------------------------------------------

// An operand in shared memory: tiles of 64 columns (128 bytes a row), 1024-byte aligned, one after the other.
// Stored by rows of A or B^T ("along k"), or with k as the rows ("across").
__device__ __forceinline__ uint64_t operand_at(const void* tile, int column_tile_bytes) {
  const uint64_t address = (shared_address(tile) >> 4) & 0x3fff, eight_rows = 1024 >> 4;
  return address | static_cast<uint64_t>(column_tile_bytes >> 4) << 16 | eight_rows << 32 | uint64_t{1} << 62;
}
__device__ __forceinline__ uint64_t operand_plus(uint64_t operand, int bytes) {
  return operand + static_cast<uint64_t>(bytes >> 4);
}

__device__ __forceinline__ void products_begin() { asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory"); }
__device__ __forceinline__ void products_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory");
}
template <int Pending>
__device__ __forceinline__ void products_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(Pending) : "memory");
}
// After a wait: what reads these sums is not moved before it.
template <int N>
__device__ __forceinline__ void products_done(float (&d)[N][4]) {
#pragma unroll
  for (int n = 0; n < N; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) asm volatile("" : "+f"(d[n][i])::"memory");
  }
}

#define BELLE_D8(mode, d, n)                                                                        \
  mode(d[n][0]), mode(d[n][1]), mode(d[n][2]), mode(d[n][3]), mode(d[n + 1][0]), mode(d[n + 1][1]), \
      mode(d[n + 1][2]), mode(d[n + 1][3])
#define BELLE_D16(mode, d, n) BELLE_D8(mode, d, n), BELLE_D8(mode, d, n + 2)
#define BELLE_D32(mode, d, n) BELLE_D16(mode, d, n), BELLE_D16(mode, d, n + 4)
#define BELLE_D64(mode, d, n) BELLE_D32(mode, d, n), BELLE_D32(mode, d, n + 8)
#define BELLE_R16 "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15}"
#define BELLE_R32                                                                               \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, " \
  "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}"
#define BELLE_R64                                                                               \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, " \
  "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, "  \
  "%38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, "  \
  "%56, %57, %58, %59, %60, %61, %62, %63}"

#define BELLE_SHAPE(columns) "wgmma.mma_async.sync.aligned.m64n" #columns "k16.f32.bf16.bf16 "
// Both operands in shared memory; they, and whether each lies across, are operands a to a_across, b_across.
#define BELLE_SHARED_PRODUCT(columns, sums, mode, add, a_, b_, a_across, b_across)                    \
  asm volatile(BELLE_SHAPE(columns) BELLE_R##sums ", %" #a_ ", %" #b_ ", " #add ", 1, 1, %" #a_across \
                                                  ", %" #b_across ";\n"                               \
               : BELLE_D##sums(mode, d, 0)                                                            \
               : "l"(a), "l"(b), "n"(AcrossA), "n"(AcrossB))
#define BELLE_REGISTER_PRODUCT(columns, sums, a0, a1, a2, a3, b_, b_across)                           \
  asm volatile(BELLE_SHAPE(columns) BELLE_R##sums ", {%" #a0 ", %" #a1 ", %" #a2 ", %" #a3 "}, %" #b_ \
                                                  ", 1, 1, 1, %" #b_across ";\n"                      \
               : BELLE_D##sums("+f", d, 0)                                                            \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"(AcrossB))

// D[64, 8 N] = A[64, 16] B[16, 8 N] (First) or += that; d[n] is what mma_m16n8k16 makes of columns 8 n to
// 8 n + 7, the group's warps one below the other. AcrossA, AcrossB: k is the rows of the tile.
template <bool First, int AcrossA, int AcrossB, int N>
__device__ __forceinline__ void product_16(float (&d)[N][4], uint64_t a, uint64_t b) {
  static_assert(N == 4 || N == 8 || N == 16);
  if constexpr (N == 4 && First) BELLE_SHARED_PRODUCT(32, 16, "=f", 0, 16, 17, 18, 19);
  if constexpr (N == 4 && !First) BELLE_SHARED_PRODUCT(32, 16, "+f", 1, 16, 17, 18, 19);
  if constexpr (N == 8 && First) BELLE_SHARED_PRODUCT(64, 32, "=f", 0, 32, 33, 34, 35);
  if constexpr (N == 8 && !First) BELLE_SHARED_PRODUCT(64, 32, "+f", 1, 32, 33, 34, 35);
  if constexpr (N == 16 && First) BELLE_SHARED_PRODUCT(128, 64, "=f", 0, 64, 65, 66, 67);
  if constexpr (N == 16 && !First) BELLE_SHARED_PRODUCT(128, 64, "+f", 1, 64, 65, 66, 67);
}
// D += A B with A in registers, as mma_m16n8k16 takes it.
template <int AcrossB, int N>
__device__ __forceinline__ void product_16(float (&d)[N][4], const uint32_t (&a)[4], uint64_t b) {
  static_assert(N == 8 || N == 16);
  if constexpr (N == 8) BELLE_REGISTER_PRODUCT(64, 32, 32, 33, 34, 35, 36, 37);
  if constexpr (N == 16) BELLE_REGISTER_PRODUCT(128, 64, 64, 65, 66, 67, 68, 69);
}

#undef BELLE_SHAPE
#undef BELLE_SHARED_PRODUCT
#undef BELLE_REGISTER_PRODUCT
#undef BELLE_D8
#undef BELLE_D16
#undef BELLE_D32
#undef BELLE_D64
#undef BELLE_R16
#undef BELLE_R32
#undef BELLE_R64

#endif

}  // namespace belle::cuda
