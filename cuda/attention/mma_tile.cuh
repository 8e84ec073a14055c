#pragma once
// Tiles of bfloat16 rows in shared memory and their products on the tensor cores, as attention needs them:
// rows by rows (scores), and weights that are accumulators of an earlier product by columns (weighted sums),
// which never leave registers.
#include <cmath>

#include "cuda/device/element.cuh"
#include "cuda/device/launch.cuh"
#include "cuda/device/tensor_core.cuh"

namespace belle::cuda {

constexpr float kLog2e = 1.44269504f, kLn2 = 0.693147181f;

// 2^x, 2 units in the last place, results below 2^-126 are 0.
__device__ __forceinline__ float exp2_fast(float x) {
#if defined(__CUDACC__)
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;\n" : "=f"(y) : "f"(x));
  return y;
#else
  return std::exp2(x);
#endif
}

// The rows of a tile have D elements, without gaps; the 16-byte chunks of a row change places by an exclusive
// or with the row's number, so that the eight rows of an 8 x 8 matrix lie in different banks.
template <int D>
struct MmaTile {
  static constexpr int kChunks = D / 8, kRowBytes = 2 * D;
  static constexpr int kSwap = kChunks % 8 == 0 ? 8 : kChunks % 4 == 0 ? 4 : 2;
  static_assert(kChunks % 2 == 0);
  static __device__ __forceinline__ int swap(int row) { return row % 8 / (8 / kSwap); }
  static __device__ __forceinline__ int place(int row, int chunk) {
    return row * kRowBytes + (chunk ^ swap(row)) * 16;
  }

  // This lane's part in ldmatrix. `across`: of a 16 x 16 piece of A (or of B stored by k, transposed on the
  // way), matrices in the order left top, left bottom, right top, right bottom. `along`: of 16 rows of B
  // stored by n, two 16 x 8 pieces of B, of each its upper half first.
  int across_row, across_chunk, along_row, along_chunk;
  __device__ __forceinline__ MmaTile() {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    across_row = lane % 16 * kRowBytes;
    across_chunk = (lane / 16 ^ swap(lane)) * 16;
    along_row = (lane % 8 + lane / 16 * 8) * kRowBytes;
    along_chunk = (lane / 8 % 2 ^ swap(lane)) * 16;
  }
  // chunk is even and known when compiled: no more than kSwap / 2 addresses are apart by more than a
  // constant.
  __device__ __forceinline__ int across(int row, int chunk) const {
    return across_row + (chunk % kSwap * 16 ^ across_chunk) + (row * kRowBytes + chunk / kSwap * kSwap * 16);
  }
  __device__ __forceinline__ int along(int row, int chunk) const {
    return along_row + (chunk % kSwap * 16 ^ along_chunk) + (row * kRowBytes + chunk / kSwap * kSwap * 16);
  }
  // Addresses made from it later are computed then, in place of a register for each all through a loop.
  __device__ __forceinline__ void forget() {
#if defined(__CUDACC__)
    asm volatile("" : "+r"(across_row), "+r"(across_chunk), "+r"(along_row), "+r"(along_chunk));
#endif
  }
};

// Starts the copy of Rows rows; those from `there` on become zeros. A thread copies one chunk of every
// kStep-th row: its place differs by a constant, its source by a pointer that goes on.
template <int D, int Rows, int Threads>
__device__ __forceinline__ void copy_rows(unsigned char* tile, const bf16* from, int64_t stride, int there) {
  using Tile = MmaTile<D>;
  constexpr int fit = Threads / Tile::kChunks, kStep = fit >= 32 ? 32 : fit >= 16 ? 16 : 8;
  static_assert(fit >= 8 && Rows % kStep == 0);
  const int thread = static_cast<int>(threadIdx.x);
  if (Threads != kStep * Tile::kChunks && thread >= kStep * Tile::kChunks) return;
  const int row = thread / Tile::kChunks, chunk = thread % Tile::kChunks;
  from += row * stride + chunk * 8;
  tile += Tile::place(row, chunk);
#pragma unroll 1
  for (int i = 0; i < Rows; i += kStep) {
    cp_async_16(tile + i * Tile::kRowBytes, from, row + i < there);
    from += kStep * stride;
  }
}

// acc += (16 * M rows of a) (Columns rows of b)^T
template <int D, int M, int Columns>
__device__ __forceinline__ void multiply_rows(float (&acc)[M][Columns / 8][4], const unsigned char* a,
                                              const unsigned char* b, MmaTile<D> lane) {
  lane.forget();
#pragma unroll 2
  for (int k = 0; k < D / 16; ++k) {
    uint32_t x[M][4];
#pragma unroll
    for (int m = 0; m < M; ++m) ldmatrix_x4(x[m], a + lane.across(16 * m, 2 * k));
#pragma unroll
    for (int n = 0; n < Columns / 16; ++n) {
      uint32_t y[4];
      ldmatrix_x4(y, b + lane.along(16 * n, 2 * k));
      const uint32_t left[2] = {y[0], y[1]}, right[2] = {y[2], y[3]};
#pragma unroll
      for (int m = 0; m < M; ++m) {
        mma_m16n8k16(acc[m][2 * n], x[m], left);
        mma_m16n8k16(acc[m][2 * n + 1], x[m], right);
      }
    }
  }
}

// out += weights (Rows rows of x); the weights rounded to bfloat16.
template <int D, int M, int Rows>
__device__ __forceinline__ void add_weighted(float (&out)[M][D / 8][4],
                                             const float (&weights)[M][Rows / 8][4], const unsigned char* x,
                                             MmaTile<D> lane) {
  lane.forget();
#pragma unroll
  for (int k = 0; k < Rows / 16; ++k) {
    uint32_t w[M][4];
#pragma unroll
    for (int m = 0; m < M; ++m) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float(&pair)[4] = weights[m][2 * k + i / 2];
        w[m][i] = narrow_pair(pair[i % 2 * 2], pair[i % 2 * 2 + 1]);
      }
    }
#pragma unroll
    for (int n = 0; n < D / 16; ++n) {
      uint32_t y[4];
      ldmatrix_x4_transposed(y, x + lane.across(16 * k, 2 * n));
      const uint32_t left[2] = {y[0], y[1]}, right[2] = {y[2], y[3]};
#pragma unroll
      for (int m = 0; m < M; ++m) {
        mma_m16n8k16(out[m][2 * n], w[m], left);
        mma_m16n8k16(out[m][2 * n + 1], w[m], right);
      }
    }
  }
}

// blockIdx.x as if it were another value: what is made of it after a loop is not kept in registers through
// it.
__device__ __forceinline__ unsigned block_again() {
  unsigned block = blockIdx.x;
#if defined(__CUDACC__)
  asm volatile("" : "+r"(block));
#endif
  return block;
}

template <int M, int N>
__device__ __forceinline__ void clear(float (&x)[M][N][4]) {
#pragma unroll
  for (int m = 0; m < M; ++m) {
#pragma unroll
    for (int n = 0; n < N; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) x[m][n][i] = 0;
    }
  }
}

// Bare products on their way to scores. `distance` is the key's position less the query's at element 0 of
// this thread, slope in units of the bare products. Keys after their query get -infinity. Columns outermost:
// few of the distances, which the rows share, are alive at a time.
template <bool KeysAreRows, int M, int N>
__device__ __forceinline__ void bias_and_mask(float (&s)[M][N][4], int distance, float slope, bool masked) {
  const auto each = [&](auto body) {
#pragma unroll
    for (int n = 0; n < N; ++n) {
#pragma unroll
      for (int m = 0; m < M; ++m) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int step = 8 * n + i % 2 - 16 * m - i / 2 * 8;
          body(s[m][n][i], KeysAreRows ? -step : step);
        }
      }
    }
  };
  if (slope != 0.0f) {
    const float from = static_cast<float>(distance);
    each([&](float& x, int step) { x = fmaf(slope, from + static_cast<float>(step), x); });
  }
  if (masked) {
    each([&](float& x, int step) {
      if (distance + step > 0) x = -INFINITY;
    });
  }
}

// 16 * M rows of accumulators, row r times factor(m, r / 8 % 2), to rows of `to`, by way of `tile`: shared
// memory that only this warp uses. Rows from `there` on are left out.
template <int D, int M, class Factor>
__device__ __forceinline__ void store_rows(bf16* to, int64_t stride, int there, unsigned char* tile,
                                           const float (&acc)[M][D / 8][4], Factor factor) {
  using Tile = MmaTile<D>;
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int m = 0; m < M; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = 16 * m + 8 * half + lane / 4;
      const float by = factor(m, half);
#pragma unroll
      for (int n = 0; n < D / 8; ++n) {
        *reinterpret_cast<uint32_t*>(tile + Tile::place(row, n) + lane % 4 * 4) =
            narrow_pair(acc[m][n][2 * half] * by, acc[m][n][2 * half + 1] * by);
      }
    }
  }
  __syncwarp();
#pragma unroll
  for (int index = lane; index < 16 * M * Tile::kChunks; index += 32) {
    const int row = index / Tile::kChunks, chunk = index % Tile::kChunks;
    if (row < there) {
      *reinterpret_cast<uint4*>(to + row * stride + chunk * 8) =
          *reinterpret_cast<const uint4*>(tile + Tile::place(row, chunk));
    }
  }
}

// Starts a kernel that needs more shared memory than every kernel may have.
template <class... Parameters, class... Arguments>
cudaError_t launch_large(void (*kernel)(Parameters...), int64_t blocks, int threads, int shared_bytes,
                         cudaStream_t stream, Arguments... arguments) {
  const cudaError_t error =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
  if (error != cudaSuccess) return error;
  return launch(kernel, dim3{static_cast<unsigned>(blocks)}, dim3{static_cast<unsigned>(threads)},
                static_cast<size_t>(shared_bytes), stream, arguments...);
}

// body(integral_constant<head_dim>) for the sizes of mma_head_dim.
template <class Body>
cudaError_t with_head_dim(int32_t d, Body body) {
  switch (d) {
    case 64:
      return body(std::integral_constant<int, 64>{});
    case 80:
      return body(std::integral_constant<int, 80>{});
    case 96:
      return body(std::integral_constant<int, 96>{});
    default:
      return body(std::integral_constant<int, 128>{});
  }
}

}  // namespace belle::cuda
