#include "cuda/attention/hopper/query_slots.cuh"
#include "cuda/attention/mma_tile.cuh"
#include "cuda/device/eight.cuh"

namespace belle::cuda {

namespace {

constexpr int kThreads = 128, kThreadsOfRow = 8, kParts = kMmaBlock / kSlotQueries;

// A thread block's queries: those of one slot.
struct Block {
  AttentionTask task;
  int head, query;
};
__device__ __forceinline__ Block block_of(const AttentionTask* tasks, int heads) {
  const AttentionTask task = tasks[blockIdx.x / (heads * kParts)];
  return {task, static_cast<int>(blockIdx.x / kParts % heads),
          task.first + static_cast<int>(blockIdx.x % kParts) * kSlotQueries};
}

template <int D>
__global__ void __launch_bounds__(kThreads)
    rows_kernel(AttentionInputs in, const bf16* dout, QuerySlots slots, const AttentionTask* tasks) {
  const Block at = block_of(tasks, in.heads);
  if (at.query >= at.task.length) return;
  AttentionRow* const rows = slots.rows + slot_of(slots, at.task, at.head, at.query) * kSlotQueries;
  const int lane = static_cast<int>(threadIdx.x) % kThreadsOfRow;
#pragma unroll
  for (int i = static_cast<int>(threadIdx.x) / kThreadsOfRow; i < kSlotQueries;
       i += kThreads / kThreadsOfRow) {
    const bool there = at.query + i < at.task.length;
    const int64_t token = static_cast<int64_t>(at.task.start) + at.query + i;
    float sum = 0;
    if (there) {
      const int64_t row = (token * in.heads + at.head) * D;
#pragma unroll
      for (int e = lane * 8; e < D; e += kThreadsOfRow * 8) {
        const Eight x = load_eight<true>(static_cast<const bf16*>(in.out) + row + e, 8),
                    y = load_eight<true>(dout + row + e, 8);
#pragma unroll
        for (int k = 0; k < 8; ++k) sum = fmaf(x.x[k], y.x[k], sum);
      }
    }
#pragma unroll
    for (int lanes = kThreadsOfRow / 2; lanes > 0; lanes /= 2)
      sum += __shfl_xor_sync(0xffffffffu, sum, lanes);
    if (lane == 0)
      rows[i] = {there ? in.lse[at.head * in.tokens + token] * kLog2e : INFINITY, there ? sum : 0.0f};
  }
}

template <int D>
__global__ void __launch_bounds__(kThreads)
    dq_kernel(AttentionInputs in, bf16* dq, QuerySlots slots, const AttentionTask* tasks) {
  __shared__ __align__(16) unsigned char tile[kSlotQueries * MmaTile<D>::kRowBytes];
  const Block at = block_of(tasks, in.heads);
  if (at.query >= at.task.length) return;
  const float4* const from =
      reinterpret_cast<const float4*>(slots.sums +
                                      slot_of(slots, at.task, at.head, at.query) * (kSlotQueries * D)) +
      threadIdx.x;
  float acc[1][D / 8][4];
#pragma unroll
  for (int n = 0; n < D / 8; ++n) {
    const float4 x = from[n * kThreads];
    acc[0][n][0] = x.x, acc[0][n][1] = x.y, acc[0][n][2] = x.z, acc[0][n][3] = x.w;
  }
  const int row = static_cast<int>(threadIdx.x) / 32 * 16;  // the warp's first
  const int64_t token = static_cast<int64_t>(at.task.start) + at.query + row;
  store_rows<D, 1>(dq + token * in.q_stride + at.head * in.q_head_stride, in.q_stride,
                   at.task.length - at.query - row, tile + row * MmaTile<D>::kRowBytes, acc,
                   [&](int, int) { return in.scale; });
}

unsigned grid_of(const AttentionInputs& in, AttentionTasks tasks) {
  return static_cast<unsigned>(tasks.count * in.heads * kParts);
}

}  // namespace

Status prepare_query_slots(Context& cuda, const AttentionInputs& in, const void* dout,
                           const QuerySlots& slots, AttentionTasks tasks) {
  const auto bytes = static_cast<size_t>(in.heads * slots.slots) * sizeof(int32_t);
  BELLE_TRY(check_cuda("attention_backward", cudaMemsetAsync(slots.turns, 0, bytes, cuda.stream)));
  return check_cuda("attention_backward", launch(in.head_dim == 64 ? rows_kernel<64> : rows_kernel<128>,
                                                 dim3{grid_of(in, tasks)}, dim3{kThreads}, 0, cuda.stream, in,
                                                 static_cast<const bf16*>(dout), slots, tasks.tasks));
}

Status finish_query_slots(Context& cuda, const AttentionInputs& in, void* dq, const QuerySlots& slots,
                          AttentionTasks tasks) {
  return check_cuda("attention_backward",
                    launch(in.head_dim == 64 ? dq_kernel<64> : dq_kernel<128>, dim3{grid_of(in, tasks)},
                           dim3{kThreads}, 0, cuda.stream, in, static_cast<bf16*>(dq), slots, tasks.tasks));
}

}  // namespace belle::cuda
