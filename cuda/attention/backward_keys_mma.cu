// dk and dv on the tensor cores: 128 keys of one kv head against all queries that see them, head after head
// of its group, so that a group's sum has one order and no memory of its own. Products are taken transposed
// (keys are the rows): weights and score gradients, accumulators of one product, are the left operand of the
// next and never leave registers.
#include <type_traits>

#include "cuda/attention/attention.h"
#include "cuda/attention/mma_tile.cuh"

namespace belle::cuda {

namespace {

constexpr int kQueries = 64;  // of a tile

// A warp holds dk and dv of 16 * kM keys. With 32 keys a fragment of queries feeds two products; sums of more
// than 64 columns leave registers for 16 only.
template <int D>
struct Shape {
  static constexpr int kM = D == 64 ? 2 : 1, kWarpRows = 16 * kM;
  static constexpr int kThreads = kMmaBlock / kWarpRows * 32;
  static constexpr int kSlice = D == 64 ? 32 : 64;  // queries whose products are in registers at a time
  static constexpr int kBlocks = D == 64 ? 2 : 1;   // of threads on a multiprocessor
  static constexpr int kRowsBytes = kQueries * static_cast<int>(sizeof(AttentionRow));
  static constexpr int kQueryBytes = kQueries * MmaTile<D>::kRowBytes;
  static constexpr int kStageBytes = 2 * kQueryBytes + kRowsBytes;  // queries, dout, rows
  static constexpr int shared_bytes(int stages) {
    return 2 * kMmaBlock * MmaTile<D>::kRowBytes + stages * kStageBytes;
  }
};

// One query head's tile of queries after the other.
struct Step {
  int head, query;
};

// With two Stages the next tile is copied while one is worked on. One fits multiprocessors with less shared
// memory (99 KB on sm_86 and sm_89).
template <int D, int Stages>
__global__ void __launch_bounds__(Shape<D>::kThreads, Shape<D>::kBlocks)
    keys_kernel(AttentionInputs in, AttentionGradients gradients, const AttentionTask* tasks) {
  using Tile = MmaTile<D>;
  using Of = Shape<D>;
  constexpr int kM = Of::kM, kSlice = Stages == 1 ? 32 : Of::kSlice, kThreads = Of::kThreads;
  unsigned char* const k_tile = dynamic_shared();
  unsigned char* const v_tile = k_tile + kMmaBlock * Tile::kRowBytes;
  unsigned char* const stages = v_tile + kMmaBlock * Tile::kRowBytes;

  const AttentionTask task = tasks[blockIdx.x / in.kv_heads];
  const int kv_head = static_cast<int>(blockIdx.x % in.kv_heads), group = in.heads / in.kv_heads;
  const int rows = min(kMmaBlock, task.length - task.first);
  const int64_t kv_at =
      (static_cast<int64_t>(task.start) + task.first) * in.kv_stride + kv_head * in.kv_head_stride;
  const float scale2 = in.scale * kLog2e;

  const Tile lane;
  const int thread = static_cast<int>(threadIdx.x), warp_row = thread / 32 * Of::kWarpRows;
  const int g = thread % 32 / 4, t = thread % 4;
  const int first_key = task.first + warp_row;
  unsigned char* const warp_k = k_tile + warp_row * Tile::kRowBytes;
  unsigned char* const warp_v = v_tile + warp_row * Tile::kRowBytes;

  const auto copy = [&](Step step, unsigned char* stage) {
    const int64_t token = static_cast<int64_t>(task.start) + step.query;
    const int there = task.length - step.query;
    copy_rows<D, kQueries, kThreads>(
        stage, static_cast<const bf16*>(in.q) + token * in.q_stride + step.head * in.q_head_stride,
        in.q_stride, there);
    copy_rows<D, kQueries, kThreads>(
        stage + Of::kQueryBytes,
        static_cast<const bf16*>(gradients.dout) + (token * in.heads + step.head) * D,
        static_cast<int64_t>(in.heads) * D, there);
    cp_async_commit();
  };
  // A row past the document's end has no weight: q is zero there, and lse2 infinite.
  const auto load_row = [&](Step step) -> AttentionRow {
    if (thread >= kQueries || step.query + thread >= task.length) return {INFINITY, 0};
    return gradients.rows[step.head * in.tokens + task.start + step.query + thread];
  };
  const auto rows_of = [&](unsigned char* stage) {
    return reinterpret_cast<AttentionRow*>(stage + 2 * Of::kQueryBytes);
  };

  Step step = {kv_head * group, task.first};
  copy_rows<D, kMmaBlock, kThreads>(k_tile, static_cast<const bf16*>(in.k) + kv_at, in.kv_stride, rows);
  copy_rows<D, kMmaBlock, kThreads>(v_tile, static_cast<const bf16*>(in.v) + kv_at, in.kv_stride, rows);
  copy(step, stages);
  if (thread < kQueries) rows_of(stages)[thread] = load_row(step);

  float dk[kM][D / 8][4], dv[kM][D / 8][4];
  clear(dk);
  clear(dv);
  for (unsigned char* stage = stages;;) {
    Step next = {step.head, step.query + kQueries};
    if (next.query >= task.length) next = {step.head + 1, task.first};
    const bool last = next.head == (kv_head + 1) * group;
    unsigned char* const next_stage = Stages == 1 || stage != stages ? stages : stage + Of::kStageBytes;
    // The tile is there, and every warp is done with the one before.
    cp_async_wait<0>();
    __syncthreads();
    AttentionRow next_row = {};
    if (!last) {
      if (Stages > 1) copy(next, next_stage);
      next_row = load_row(next);
    }
    const float slope = in.slopes ? in.slopes[step.head] / in.scale : 0.0f;
#pragma unroll 1
    for (int slice = 0; slice < kQueries; slice += kSlice) {
      const int query = step.query + slice;
      if (first_key >= task.length || query + kSlice <= first_key) continue;
      const unsigned char* const q_slice = stage + slice * Tile::kRowBytes;
      const unsigned char* const dout_slice = q_slice + Of::kQueryBytes;
      // This thread's columns: two neighbours of every eight.
      const float4* const of_columns =
          reinterpret_cast<const float4*>(stage + 2 * Of::kQueryBytes) + (slice + 2 * t) / 2;
      float p[kM][kSlice / 8][4], ds[kM][kSlice / 8][4];
      clear(p);
      multiply_rows<D, kM, kSlice>(p, warp_k, q_slice, lane);
      bias_and_mask<true>(p, first_key + g - (query + 2 * t), slope, first_key + Of::kWarpRows - 1 > query);
#pragma unroll
      for (int n = 0; n < kSlice / 8; ++n) {
        const float4 columns = of_columns[4 * n];
#pragma unroll
        for (int m = 0; m < kM; ++m) {
#pragma unroll
          for (int i = 0; i < 4; ++i)
            p[m][n][i] = exp2_fast(fmaf(p[m][n][i], scale2, i % 2 == 0 ? -columns.x : -columns.z));
        }
      }
      add_weighted<D, kM, kSlice>(dv, p, dout_slice, lane);
      clear(ds);
      multiply_rows<D, kM, kSlice>(ds, warp_v, dout_slice, lane);
#pragma unroll
      for (int n = 0; n < kSlice / 8; ++n) {
        const float4 columns = of_columns[4 * n];
#pragma unroll
        for (int m = 0; m < kM; ++m) {
#pragma unroll
          for (int i = 0; i < 4; ++i)
            ds[m][n][i] = p[m][n][i] * (ds[m][n][i] - (i % 2 == 0 ? columns.y : columns.w));
        }
      }
      add_weighted<D, kM, kSlice>(dk, ds, q_slice, lane);
    }
    if (last) break;
    if (Stages == 1) {
      __syncthreads();  // every warp is done with the tile
      copy(next, next_stage);
    }
    if (thread < kQueries) rows_of(next_stage)[thread] = next_row;
    step = next;
    stage = next_stage;
  }

  __syncwarp();  // the warp's keys and values are not read any more: their places take its output
  const int64_t to = kv_at + warp_row * in.kv_stride;
  store_rows<D, kM>(static_cast<bf16*>(gradients.dk) + to, in.kv_stride, rows - warp_row, warp_k, dk,
                    [&](int, int) { return in.scale; });
  store_rows<D, kM>(static_cast<bf16*>(gradients.dv) + to, in.kv_stride, rows - warp_row, warp_v, dv,
                    [](int, int) { return 1.0f; });
}

}  // namespace

Status attention_backward_keys_mma(Context& cuda, const AttentionInputs& in, const AttentionGradients& g,
                                   AttentionTasks keys) {
  return check_cuda("attention_backward",
                    with_head_dim(in.head_dim, [&]<int D>(std::integral_constant<int, D>) {
                      using Of = Shape<D>;
                      const auto start = [&](auto kernel, int stages) {
                        return launch_large(kernel, keys.count * in.kv_heads, Of::kThreads,
                                            Of::shared_bytes(stages), cuda.stream, in, g, keys.tasks);
                      };
                      if constexpr (D == 128) {
                        if (cuda.properties.sharedMemPerBlockOptin < static_cast<size_t>(Of::shared_bytes(2)))
                          return start(keys_kernel<D, 1>, 1);
                      }
                      return start(keys_kernel<D, 2>, 2);
                    }));
}

}  // namespace belle::cuda
