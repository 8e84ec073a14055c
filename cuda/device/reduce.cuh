#pragma once
// Sums and maxima over a warp and over a block, in fixed trees: the bits depend on nothing but the values and
// the size of the block.
#include <cuda_runtime.h>

namespace belle::cuda {

template <class T>
__device__ __forceinline__ T warp_sum(T x) {
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) x += __shfl_xor_sync(0xffffffffu, x, lanes);
  return x;
}
__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, lanes));
  return x;
}

// Every thread gets the sum. blockDim.x is a multiple of 32, at most 1024. `scratch` is shared, [32], free
// for other use after the block's next barrier.
template <class T>
__device__ __forceinline__ T block_sum(T x, T* scratch) {
  const unsigned warps = blockDim.x / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  x = warp_sum(x);
  if (lane == 0) scratch[warp] = x;
  __syncthreads();
  x = warp_sum(lane < warps ? scratch[lane] : T(0));
  return x;
}
__device__ __forceinline__ float block_max(float x, float* scratch) {
  const unsigned warps = blockDim.x / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  x = warp_max(x);
  if (lane == 0) scratch[warp] = x;
  __syncthreads();
  return warp_max(lane < warps ? scratch[lane] : scratch[0]);
}

}  // namespace belle::cuda
