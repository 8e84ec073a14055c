#pragma once
// Which rows have a target: their numbers in order, found in two passes without the host.
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/device/reduce.cuh"

namespace belle::cuda {

constexpr int kRowThreads = 1024;  // rows of a block, too
constexpr int64_t kNoRow = int64_t{1} << 62;

// Of each block's rows: how many have a target, and the first whose target is beyond the vocabulary.
static __global__ void __launch_bounds__(kRowThreads)
    count_rows(const int32_t* targets, int64_t rows, int64_t vocab, int32_t* counts, int64_t* beyond) {
  __shared__ int32_t lowest[kRowThreads / 32];
  const auto thread = static_cast<int32_t>(threadIdx.x);
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kRowThreads, row = first + thread;
  const int32_t target = row < rows ? targets[row] : -1;
  const int count = __syncthreads_count(target >= 0);
  int32_t bad = target >= vocab ? thread : kRowThreads;
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) bad = min(bad, __shfl_xor_sync(0xffffffffu, bad, lanes));
  if (thread % 32 == 0) lowest[thread / 32] = bad;
  __syncthreads();
  if (thread > 0) return;
  for (int warp = 1; warp < kRowThreads / 32; ++warp) bad = min(bad, lowest[warp]);
  counts[blockIdx.x] = count;
  beyond[blockIdx.x] = bad < kRowThreads ? first + bad : kNoRow;
}

// picked[0, count): the rows with a target. The last block leaves in *result the count, or -1 - row for the
// first row whose target is beyond the vocabulary.
static __global__ void __launch_bounds__(kRowThreads)
    pick_rows(const int32_t* targets, int64_t rows, const int32_t* counts, const int64_t* beyond,
              int64_t* picked, int64_t* result) {
  __shared__ double sums[32];  // whole numbers below 2^53
  __shared__ int64_t firsts[kRowThreads / 32];
  __shared__ int32_t of_warp[kRowThreads / 32];
  const unsigned thread = threadIdx.x, warp = thread / 32, lane = thread % 32;
  double mine = 0;
  for (unsigned block = thread; block < blockIdx.x; block += kRowThreads) mine += counts[block];
  const auto before = static_cast<int64_t>(block_sum(mine, sums));

  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowThreads + thread;
  const bool there = row < rows && targets[row] >= 0;
  const unsigned mask = __ballot_sync(0xffffffffu, there);
  if (lane == 0) of_warp[warp] = __popc(mask);
  __syncthreads();
  int64_t at = before + __popc(mask & ((1u << lane) - 1));
  for (unsigned w = 0; w < warp; ++w) at += of_warp[w];
  if (there) picked[at] = row;
  if (blockIdx.x + 1 < gridDim.x) return;

  int64_t bad = kNoRow;
  for (unsigned block = thread; block < gridDim.x; block += kRowThreads)
    bad = beyond[block] < bad ? beyond[block] : bad;
  for (unsigned turn = 0; turn < 32; ++turn) {
    if (turn == lane) firsts[warp] = turn == 0 || bad < firsts[warp] ? bad : firsts[warp];
    __syncwarp();
  }
  __syncthreads();
  if (thread > 0) return;
  for (unsigned w = 1; w < kRowThreads / 32; ++w) bad = firsts[w] < bad ? firsts[w] : bad;
  bad = firsts[0] < bad ? firsts[0] : bad;
  *result = bad < kNoRow ? -1 - bad : before + counts[blockIdx.x];
}

}  // namespace belle::cuda
