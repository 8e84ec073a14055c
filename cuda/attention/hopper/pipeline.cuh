#pragma once
// What both passes of attention on Hopper are built of: one warp group that copies, two that compute, and
// buffers that go back and forth between them.
#include "cuda/attention/hopper/tensor_map.h"
#include "cuda/device/copy_engine.cuh"
#include "cuda/device/element.cuh"
#include "cuda/device/warp_group.cuh"

namespace belle::cuda {

inline constexpr int kGroupThreads = 128, kGroups = 2;  // of those that compute
inline constexpr int kComputing = kGroups * kGroupThreads, kWarps = kComputing / 32;
inline constexpr int kThreads = kComputing + kGroupThreads;
inline constexpr int kStages = 2;  // buffers of a kind

// Which buffer is next, and the parity of its turn.
struct Turn {
  int stage = 0, parity = 0;
  __device__ __forceinline__ void next() {
    if (++stage == kStages) stage = 0, parity ^= 1;
  }
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

// Rows of one head from `token` on; their tiles of columns lie column_bytes apart.
template <int D>
__device__ __forceinline__ void copy_columns(unsigned char* tile, int column_bytes, const CUtensorMap& map,
                                             int head, int token, uint64_t* full) {
#pragma unroll
  for (int i = 0; i < D / kMapColumns; ++i)
    copy_tile(tile + i * column_bytes, &map, i * kMapColumns, head, token, full);
}

// Every thread of the warp is done with a buffer: one arrival.
__device__ __forceinline__ void arrive_as_warp(uint64_t* empty, bool first_lane) {
  __syncwarp();
  if (first_lane) arrive(empty);
}

// Sums of a product, rounded to bfloat16, as the left operand of the next.
template <int N>
__device__ __forceinline__ void as_left_operand(uint32_t (&out)[N / 2][4], const float (&sums)[N][4]) {
#pragma unroll
  for (int k = 0; k < N / 2; ++k) {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      out[k][i] = narrow_pair(sums[2 * k + i / 2][i % 2 * 2], sums[2 * k + i / 2][i % 2 * 2 + 1]);
  }
}

#endif

}  // namespace belle::cuda
