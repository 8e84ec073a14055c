// dq on the tensor cores: 128 queries of one head against their keys, 32 queries in each of 4 warps as in the
// forward pass. The score gradients are the accumulators of one product and the weights of the next.
//
// dq in a pass of its own computes scores and dout v^T once more than one pass over the keys would (7
// products in place of 5), but that pass has to hand dq from block to block: by atomic additions, in no fixed
// order; by waiting for one's turn; or by float32 parts of a size of tokens^2 / 128, which at 2048 tokens
// take two thirds of the time of the products themselves to write and read. Here nothing leaves the
// registers, neither weights through shared memory nor partial sums, and the order is fixed.
#include <type_traits>

#include "cuda/attention/attention.h"
#include "cuda/attention/mma_tile.cuh"

namespace belle::cuda {

namespace {

constexpr int kThreads = 128, kWarpRows = 32, kM = kWarpRows / 16;

// By registers: 32 x D sums, and two tiles of products.
template <int D>
constexpr int kKeys = D == 64   ? 64
                      : D == 80 ? 48
                                : 32;

template <int D>
constexpr int kSharedBytes = 2 * (kMmaBlock + kKeys<D>)*MmaTile<D>::kRowBytes;

template <int D>
__global__ void __launch_bounds__(kThreads, 2)
    queries_kernel(AttentionInputs in, AttentionGradients gradients, const AttentionTask* tasks) {
  using Tile = MmaTile<D>;
  constexpr int keys_of_tile = kKeys<D>;
  unsigned char* const q_tile = dynamic_shared();
  unsigned char* const dout_tile = q_tile + kMmaBlock * Tile::kRowBytes;
  unsigned char* const k_tile = dout_tile + kMmaBlock * Tile::kRowBytes;
  unsigned char* const v_tile = k_tile + keys_of_tile * Tile::kRowBytes;

  const AttentionTask task = tasks[blockIdx.x / in.heads];
  const int head = static_cast<int>(blockIdx.x % in.heads), kv_head = head / (in.heads / in.kv_heads);
  const int rows = min(kMmaBlock, task.length - task.first), keys = task.first + rows;
  const int64_t token = static_cast<int64_t>(task.start) + task.first;
  const int64_t q_at = token * in.q_stride + head * in.q_head_stride;
  const bf16* const k =
      static_cast<const bf16*>(in.k) + task.start * in.kv_stride + kv_head * in.kv_head_stride;
  const int64_t k_to_v = static_cast<const bf16*>(in.v) - static_cast<const bf16*>(in.k);
  const float slope = in.slopes ? in.slopes[head] / in.scale : 0.0f, scale2 = in.scale * kLog2e;

  const Tile lane;
  const int warp_row = static_cast<int>(threadIdx.x) / 32 * kWarpRows;
  const int g = static_cast<int>(threadIdx.x) % 32 / 4, t = static_cast<int>(threadIdx.x) % 4;
  const int first_query = task.first + warp_row;
  unsigned char* const warp_q = q_tile + warp_row * Tile::kRowBytes;

  copy_rows<D, kMmaBlock, kThreads>(dout_tile,
                                    static_cast<const bf16*>(gradients.dout) + (token * in.heads + head) * D,
                                    static_cast<int64_t>(in.heads) * D, rows);
  copy_rows<D, keys_of_tile, kThreads>(v_tile, k + k_to_v, in.kv_stride, keys);
  cp_async_commit();
  copy_rows<D, kMmaBlock, kThreads>(q_tile, static_cast<const bf16*>(in.q) + q_at, in.q_stride, rows);
  copy_rows<D, keys_of_tile, kThreads>(k_tile, k, in.kv_stride, keys);
  cp_async_commit();

  AttentionRow row[kM][2];
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int i = warp_row + 16 * m + 8 * half + g;
      row[m][half] = {0, 0};
      if (i < rows) row[m][half] = gradients.rows[head * in.tokens + token + i];
    }
  }
  float dq[kM][D / 8][4];
  clear(dq);
  for (int key = 0; key < keys; key += keys_of_tile) {
    const bool seen = first_query < keys && key < first_query + kWarpRows;
    const int next = key + keys_of_tile;
    float s[kM][keys_of_tile / 8][4], ds[kM][keys_of_tile / 8][4];
    // The values are there; the keys, asked for after them, may be under way.
    cp_async_wait<1>();
    __syncthreads();
    if (seen) {
      clear(ds);
      multiply_rows<D, kM, keys_of_tile>(ds, dout_tile + warp_row * Tile::kRowBytes, v_tile, lane);
    }
    // The keys are there, and every warp is done with the values.
    cp_async_wait<0>();
    __syncthreads();
    if (next < keys) {
      copy_rows<D, keys_of_tile, kThreads>(v_tile, k + k_to_v + next * in.kv_stride, in.kv_stride,
                                           keys - next);
    }
    cp_async_commit();
    if (seen) {
      clear(s);
      multiply_rows<D, kM, keys_of_tile>(s, warp_q, k_tile, lane);
      bias_and_mask<false>(s, key + 2 * t - (first_query + g), slope, next > first_query + 1);
#pragma unroll
      for (int m = 0; m < kM; ++m) {
#pragma unroll
        for (int n = 0; n < keys_of_tile / 8; ++n) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const AttentionRow& of = row[m][i / 2];
            const float p = exp2_fast(fmaf(s[m][n][i], scale2, -of.lse2));
            ds[m][n][i] = p * (ds[m][n][i] - of.delta);
          }
        }
      }
      add_weighted<D, kM, keys_of_tile>(dq, ds, k_tile, lane);
    }
    if (next < keys) {
      __syncthreads();  // every warp is done with the keys
      copy_rows<D, keys_of_tile, kThreads>(k_tile, k + next * in.kv_stride, in.kv_stride, keys - next);
    }
    cp_async_commit();
  }

  __syncwarp();  // the warp's queries are not read any more: their place takes its output
  store_rows<D, kM>(static_cast<bf16*>(gradients.dq) + q_at + warp_row * in.q_stride, in.q_stride,
                    rows - warp_row, warp_q, dq, [&](int, int) { return in.scale; });
}

}  // namespace

Status attention_backward_queries_mma(Context& cuda, const AttentionInputs& in, const AttentionGradients& g,
                                      AttentionTasks queries) {
  return check_cuda("attention_backward",
                    with_head_dim(in.head_dim, [&]<int D>(std::integral_constant<int, D>) {
                      return launch_large(queries_kernel<D>, queries.count * in.heads, kThreads,
                                          kSharedBytes<D>, cuda.stream, in, g, queries.tasks);
                    }));
}

}  // namespace belle::cuda
