// Attention forward on the tensor cores: 128 queries of one head, 32 in each of 4 warps, so that a fragment
// of keys or values read from shared memory feeds two products (with 16 rows a warp shared memory would be as
// busy as the tensor cores); two thread blocks on a multiprocessor. Values are copied while the scores are
// computed and the next keys while the values are added up: one buffer of each suffices.
#include <type_traits>

#include "cuda/attention/attention.h"
#include "cuda/attention/mma_tile.cuh"

namespace belle::cuda {

namespace {

constexpr int kThreads = 128, kWarpRows = 32, kM = kWarpRows / 16;

// As many as leave 32 x D sums in registers.
template <int D>
constexpr int kKeys = D == 64    ? 96
                      : D == 128 ? 48
                                 : 64;

template <int D>
constexpr int kSharedBytes = (kMmaBlock + 2 * kKeys<D>)*MmaTile<D>::kRowBytes;

// Of this thread's rows: the largest score so far, and the sum of this thread's probabilities against it. (A
// reference that lags behind would save scalings, but a row's largest probability, 1, is exact in bfloat16
// only against the largest score: seen in dq at twice the error.)
struct RowState {
  float largest[kM][2], sum[kM][2];
};

// Scores become probabilities; where the largest has grown, what was summed before is scaled down to it.
template <int D, int N>
__device__ __forceinline__ void softmax(float (&s)[kM][N][4], float (&out)[kM][D / 8][4], RowState& rows,
                                        float scale2) {
  float largest[kM][2];
  bool any = false;
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float top = s[m][0][2 * half];
#pragma unroll
      for (int n = 0; n < N; ++n) top = fmaxf(top, fmaxf(s[m][n][2 * half], s[m][n][2 * half + 1]));
      top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 1));
      top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 2)) * scale2;
      const float before = rows.largest[m][half];
      largest[m][half] = top > before ? top : before;  // fmaxf here costs registers
      any |= largest[m][half] != before;
    }
  }
  if (__ballot_sync(0xffffffffu, any) != 0) {
#pragma unroll
    for (int m = 0; m < kM; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float factor = exp2_fast(rows.largest[m][half] - largest[m][half]);
        rows.largest[m][half] = largest[m][half];
        rows.sum[m][half] *= factor;
#pragma unroll
        for (int n = 0; n < D / 8; ++n) {
          out[m][n][2 * half] *= factor;
          out[m][n][2 * half + 1] *= factor;
        }
      }
    }
  }
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int n = 0; n < N; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float p = exp2_fast(fmaf(s[m][n][i], scale2, -rows.largest[m][i / 2]));
        s[m][n][i] = p;
        rows.sum[m][i / 2] += p;
      }
    }
  }
}

// The block of queries, and its first token.
struct Queries {
  AttentionTask task;
  int head, rows;
  int64_t token;
};
__device__ __forceinline__ Queries find(const AttentionInputs& in, const AttentionTask* tasks,
                                        unsigned block) {
  Queries at;
  at.task = tasks[block / in.heads];
  at.head = static_cast<int>(block % in.heads);
  at.rows = min(kMmaBlock, at.task.length - at.task.first);
  at.token = static_cast<int64_t>(at.task.start) + at.task.first;
  return at;
}

template <int D>
__global__ void __launch_bounds__(kThreads, 2)
    forward_kernel(AttentionInputs in, const AttentionTask* tasks) {
  using Tile = MmaTile<D>;
  constexpr int keys_of_tile = kKeys<D>;
  unsigned char* const q_tile = dynamic_shared();
  unsigned char* const k_tile = q_tile + kMmaBlock * Tile::kRowBytes;
  unsigned char* const v_tile = k_tile + keys_of_tile * Tile::kRowBytes;

  const Queries at = find(in, tasks, blockIdx.x);
  const int keys = at.task.first + at.rows, kv_head = at.head / (in.heads / in.kv_heads);
  const int64_t kv_at = at.task.start * in.kv_stride + kv_head * in.kv_head_stride;
  const auto copy = [&](unsigned char* tile, const void* from, int key) {
    copy_rows<D, keys_of_tile, kThreads>(tile, static_cast<const bf16*>(from) + kv_at + key * in.kv_stride,
                                         in.kv_stride, keys - key);
  };
  const float slope = in.slopes ? in.slopes[at.head] / in.scale : 0.0f;

  const Tile lane;
  const int warp_row = static_cast<int>(threadIdx.x) / 32 * kWarpRows,
            g = static_cast<int>(threadIdx.x) % 32 / 4, t = static_cast<int>(threadIdx.x) % 4;
  const int first_query = at.task.first + warp_row;
  unsigned char* const warp_q = q_tile + warp_row * Tile::kRowBytes;

  copy_rows<D, kMmaBlock, kThreads>(
      q_tile, static_cast<const bf16*>(in.q) + at.token * in.q_stride + at.head * in.q_head_stride,
      in.q_stride, at.rows);
  copy(k_tile, in.k, 0);
  cp_async_commit();

  float out[kM][D / 8][4];
  clear(out);
  RowState state;
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) state.largest[m][half] = -INFINITY, state.sum[m][half] = 0;
  }
  for (int key = 0; key < keys; key += keys_of_tile) {
    // The keys are there, and every warp is done with the values before.
    cp_async_wait<0>();
    __syncthreads();
    copy(v_tile, in.v, key);
    cp_async_commit();
    const bool seen = first_query < keys && key < first_query + kWarpRows;
    float s[kM][keys_of_tile / 8][4];
    if (seen) {
      clear(s);
      multiply_rows<D, kM, keys_of_tile>(s, warp_q, k_tile, lane);
    }
    // The values are there, and every warp is done with the keys.
    cp_async_wait<0>();
    __syncthreads();
    const int next = key + keys_of_tile;
    if (next < keys) copy(k_tile, in.k, next);
    cp_async_commit();
    if (seen) {
      bias_and_mask<false>(s, key + 2 * t - (first_query + g), slope, next > first_query + 1);
      softmax<D>(s, out, state, in.scale * kLog2e);
      add_weighted<D, kM, keys_of_tile>(out, s, v_tile, lane);
    }
  }

  __syncwarp();  // the warp's queries are not read any more: their place takes its output
  const Queries done = find(in, tasks, block_again());
  float* const lse = in.lse + done.head * in.tokens + done.token + warp_row;
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float& sum = state.sum[m][half];
      sum += __shfl_xor_sync(0xffffffffu, sum, 1);
      sum += __shfl_xor_sync(0xffffffffu, sum, 2);
      const int row = 16 * m + 8 * half + g;
      if (t == 0 && warp_row + row < done.rows) lse[row] = state.largest[m][half] * kLn2 + logf(sum);
    }
  }
  store_rows<D, kM>(static_cast<bf16*>(in.out) + ((done.token + warp_row) * in.heads + done.head) * D,
                    static_cast<int64_t>(in.heads) * D, done.rows - warp_row, warp_q, out,
                    [&](int m, int half) { return 1.0f / state.sum[m][half]; });
}

}  // namespace

Status attention_forward_mma(Context& cuda, const AttentionInputs& in, AttentionTasks queries) {
  return check_cuda("attention", with_head_dim(in.head_dim, [&]<int D>(std::integral_constant<int, D>) {
                      return launch_large(forward_kernel<D>, queries.count * in.heads, kThreads,
                                          kSharedBytes<D>, cuda.stream, in, queries.tasks);
                    }));
}

}  // namespace belle::cuda
