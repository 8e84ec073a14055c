#pragma once
// Tensor-core instructions of sm_80, and the asynchronous copies that feed them. Every thread of a warp calls
// them together. Fragments as the PTX ISA lays them out for mma.m16n8k16 (".bf16"): with g = lane / 4 and
// t = lane % 4,
//   A [16, 16]  a[0] = (g, 2t), a[1] = (g + 8, 2t), a[2] = (g, 2t + 8), a[3] = (g + 8, 2t + 8), each with its
//   right
//               neighbour in the high half
//   B [16, 8]   b[0] = (2t, g), b[1] = (2t + 8, g), each with the element below it in the high half
//   D [16, 8]   d[0], d[1] = (g, 2t), (g, 2t + 1); d[2], d[3] = (g + 8, 2t), (g + 8, 2t + 1)
#include <cuda_runtime.h>

#include <cstdint>

namespace belle::cuda {

#if defined(__CUDACC__)

__device__ __forceinline__ uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// Four 8 x 8 matrices of 16-bit elements: lane l gives the address of row l % 8 of matrix l / 8 (16-byte
// aligned, shared memory); out[i] holds elements (g, 2t), (g, 2t + 1) of matrix i.
__device__ __forceinline__ void ldmatrix_x4(uint32_t (&out)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row)));
}
// The same, each matrix transposed: out[i] holds elements (2t, g), (2t + 1, g).
__device__ __forceinline__ void ldmatrix_x4_transposed(uint32_t (&out)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row)));
}

// d += a b, float32 sums.
__device__ __forceinline__ void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, "
      "%3};\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// 16 bytes, both ends 16-byte aligned, from global to shared memory; zeros where not `there` (global is not
// read).
__device__ __forceinline__ void cp_async_16(void* shared, const void* global, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(shared)), "l"(global),
               "r"(there ? 16 : 0));
}
// The first `bytes` (0 to 16) of the 16, zeros after them; only those are read.
__device__ __forceinline__ void cp_async_upto_16(void* shared, const void* global, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(shared)), "l"(global),
               "r"(bytes));
}
__device__ __forceinline__ void cp_async_commit() { asm volatile("cp.async.commit_group;\n" ::); }
// Until at most Pending of this thread's groups are under way. Other threads' copies need a barrier after it.
template <int Pending>
__device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(Pending));
}

#else

inline void ldmatrix_x4(uint32_t (&out)[4], const void* row) { emulated::ldmatrix_x4(out, row, false); }
inline void ldmatrix_x4_transposed(uint32_t (&out)[4], const void* row) {
  emulated::ldmatrix_x4(out, row, true);
}
inline void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  emulated::mma_m16n8k16(d, a, b);
}
inline void cp_async_16(void* shared, const void* global, bool there) {
  emulated::cp_async_16(shared, global, there);
}
inline void cp_async_upto_16(void* shared, const void* global, int bytes) {
  emulated::cp_async_upto_16(shared, global, bytes);
}
inline void cp_async_commit() { emulated::cp_async_commit(); }
template <int Pending>
void cp_async_wait() {
  emulated::cp_async_wait(Pending);
}

#endif

}  // namespace belle::cuda
