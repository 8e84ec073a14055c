// Attention forward on Hopper: 128 queries of one head at a time, 64 in each of two warp groups, against
// tiles of 128 keys that one thread of a third group keeps copying. The scores of a tile are multiplied while
// the values of the tile before are; the two groups take turns, so that one's exponentials run beside the
// other's products. A thread block stays on its multiprocessor and takes one block of queries after the
// other.
#include "cuda/attention/hopper/hopper.h"
#include "cuda/attention/hopper/pipeline.cuh"
#include "cuda/attention/mma_tile.cuh"

namespace belle::cuda {

namespace {

#pragma nv_diag_suppress 177  // sm_80 is compiled too, where nothing of this is used

constexpr int kQueries = 64 * kGroups, kKeys = 128;
static_assert(kQueries == kMmaBlock && kKeys == kMmaBlock);

struct Maps {
  CUtensorMap q, k, v;
};

template <int D>
struct Shared {
  static constexpr int kColumnTile = 128 * 2 * kMapColumns, kTile = D / kMapColumns * kColumnTile;
  static constexpr int kBarriers = 2 + 6 * kStages, kBarriersAt = (2 + 2 * kStages) * kTile;
  static constexpr int kBytes = kBarriersAt + (kBarriers + kStages) * 8;
  unsigned char* base;
  __device__ __forceinline__ unsigned char* q() const { return base; }
  __device__ __forceinline__ unsigned char* out() const { return base + kTile; }
  __device__ __forceinline__ unsigned char* k(int stage) const { return base + (2 + stage) * kTile; }
  __device__ __forceinline__ unsigned char* v(int stage) const {
    return base + (2 + kStages + stage) * kTile;
  }
  __device__ __forceinline__ uint64_t* barrier(int i) const {
    return reinterpret_cast<uint64_t*>(base + kBarriersAt) + i;
  }
  // Full: copied. Empty: every warp is done with it.
  __device__ __forceinline__ uint64_t* q_full() const { return barrier(0); }
  __device__ __forceinline__ uint64_t* q_empty() const { return barrier(1); }
  __device__ __forceinline__ uint64_t* k_full(int stage) const { return barrier(2 + stage); }
  __device__ __forceinline__ uint64_t* k_empty(int stage) const { return barrier(2 + kStages + stage); }
  __device__ __forceinline__ uint64_t* v_full(int stage) const { return barrier(2 + 2 * kStages + stage); }
  __device__ __forceinline__ uint64_t* v_empty(int stage) const { return barrier(2 + 3 * kStages + stage); }
  // The items of work that the copying thread got: their numbers.
  __device__ __forceinline__ uint64_t* item_full(int stage) const { return barrier(2 + 4 * kStages + stage); }
  __device__ __forceinline__ uint64_t* item_empty(int stage) const {
    return barrier(2 + 5 * kStages + stage);
  }
  __device__ __forceinline__ int* item(int stage) const {
    return reinterpret_cast<int*>(barrier(kBarriers + stage));
  }
};

// A block of queries of one head.
struct Work {
  AttentionTask task;
  int head;
};
__device__ __forceinline__ Work work_of(const AttentionTask* tasks, int heads, int item) {
  return {tasks[item / heads], item % heads};
}
// Work goes to whichever thread block asks next: item blockIdx.x first, then what the counter says. As many
// ask as there are items; the last to ask leaves the counter at zero.
struct Queue {
  const AttentionTask* tasks;
  int items;
  uint32_t* counter;
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

template <int D>
__device__ __forceinline__ void copy_rows_of(unsigned char* tile, const CUtensorMap& map, int head, int token,
                                             uint64_t* full) {
  arrive_and_expect(full, Shared<D>::kTile);
  copy_columns<D>(tile, Shared<D>::kColumnTile, map, head, token, full);
}

__device__ __forceinline__ int ask(const Queue& queue) {
  const uint32_t asked = atomicAdd(queue.counter, 1u);
  if (asked == static_cast<uint32_t>(queue.items) - 1) *queue.counter = 0;
  return static_cast<int>(gridDim.x + asked);
}

// The copying thread.
template <int D>
__device__ __forceinline__ void copy_all(const AttentionInputs& in, const Maps& maps, const Queue& queue,
                                         Shared<D> shared) {
  Turn turn, item_turn;
  int q_parity = 0;
  const int group = in.heads / in.kv_heads;
  for (int item = static_cast<int>(blockIdx.x);; q_parity ^= 1, item_turn.next()) {
    wait(shared.item_empty(item_turn.stage), item_turn.parity ^ 1);
    *shared.item(item_turn.stage) = item;
    arrive(shared.item_full(item_turn.stage));
    if (item >= queue.items) return;
    const int next = ask(queue);
    const Work at = work_of(queue.tasks, in.heads, item);
    const int kv_head = at.head / group;
    wait(shared.q_empty(), q_parity ^ 1);
    copy_rows_of<D>(shared.q(), maps.q, at.head, at.task.start + at.task.first, shared.q_full());
    for (int key = at.task.first; key >= 0; key -= kKeys, turn.next()) {
      wait(shared.k_empty(turn.stage), turn.parity ^ 1);
      copy_rows_of<D>(shared.k(turn.stage), maps.k, kv_head, at.task.start + key, shared.k_full(turn.stage));
      wait(shared.v_empty(turn.stage), turn.parity ^ 1);
      copy_rows_of<D>(shared.v(turn.stage), maps.v, kv_head, at.task.start + key, shared.v_full(turn.stage));
    }
    item = next;
  }
}

// Of this thread's two rows, in units of log2.
struct RowState {
  float largest[2], sum[2];
};

// scores = q k^T of this group's 64 queries.
template <int D>
__device__ __forceinline__ void multiply_scores(float (&s)[kKeys / 8][4], const unsigned char* q,
                                                const unsigned char* k) {
  const uint64_t a = operand_at(q, 16), b = operand_at(k, 16);
  constexpr auto at = [](int i) { return i / 4 * Shared<D>::kColumnTile + i % 4 * 32; };
  product_16<true, 0, 0>(s, a, b);
#pragma unroll
  for (int i = 1; i < D / 16; ++i) product_16<false, 0, 0>(s, operand_plus(a, at(i)), operand_plus(b, at(i)));
}
template <int D>
__device__ __forceinline__ void add_values(float (&out)[1][D / 8][4], const uint32_t (&p)[kKeys / 16][4],
                                           const unsigned char* v) {
  const uint64_t b = operand_at(v, Shared<D>::kColumnTile);
#pragma unroll
  for (int i = 0; i < kKeys / 16; ++i) product_16<1>(out[0], p[i], operand_plus(b, i * 16 * 128));
}

// Scores become probabilities; `factor` takes what was summed before to the new largest. `column`: the key's
// place from the query's, at element 0. Only a block's last tile is Masked.
//
// ALiBi adds slope * (key - query). Away from the diagonal that is slope * (key - the tile's last key), the
// same for all rows, and a row's own part `from`, which need not be added to each score. Both are small where
// the weights are large: no bits are lost by the split.
template <bool Masked>
__device__ __forceinline__ void softmax(float (&s)[kKeys / 8][4], RowState& rows, float (&factor)[2],
                                        float scale2, float slope, int column) {
  const bool alibi = slope != 0.0f;
  if constexpr (Masked) {
    const float left = static_cast<float>(column);
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int step = 8 * n + i % 2 - i / 2 * 8;
        if (alibi) s[n][i] = fmaf(slope, left + static_cast<float>(step), s[n][i]);
        if (column + step > 0) s[n][i] = -INFINITY;
      }
    }
  } else if (alibi) {
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        s[n][i] = fmaf(slope, static_cast<float>(8 * n + i % 2 - (kKeys - 1)), s[n][i]);
    }
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float from =
        Masked || !alibi ? 0.0f : slope * static_cast<float>(column - 8 * half + kKeys - 1) * scale2;
    float top = s[0][2 * half];
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n) top = fmaxf(top, fmaxf(s[n][2 * half], s[n][2 * half + 1]));
    // Rows of a quad differ in `column` by the places of its threads.
    top = fmaf(top, scale2, from);
    top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 1));
    top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 2));
    const float largest = fmaxf(top, rows.largest[half]);
    factor[half] = exp2_fast(rows.largest[half] - largest);
    rows.largest[half] = largest;
    const float less = from - largest;
    float sum = 0;
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        float& x = s[n][2 * half + i];
        x = exp2_fast(fmaf(x, scale2, less));
        sum += x;
      }
    }
    rows.sum[half] = fmaf(rows.sum[half], factor[half], sum);
  }
}

// A warp group that computes.
template <int D>
__device__ __forceinline__ void compute(const AttentionInputs& in, const Queue& queue, Shared<D> shared,
                                        int group) {
  const int thread = static_cast<int>(threadIdx.x) % kGroupThreads, warp = thread / 32, lane = thread % 32;
  const int g = lane / 4, t = lane % 4, warp_row = 64 * group + 16 * warp;
  const bool first_lane = lane == 0;
  const float scale2 = in.scale * kLog2e;
  const unsigned char* const q = shared.q() + 64 * group * 128;
  unsigned char* const staging = shared.out() + (4 * group + warp) * 16 * MmaTile<D>::kRowBytes;
  // Turns between the groups: barrier 1 + group ends a group's waiting.
  const auto my_turn = [&] { named_sync(1 + group, kComputing); };
  const auto your_turn = [&] { named_arrive(2 - group, kComputing); };
  if (group == 1) your_turn();

  Turn turn, item_turn;
  for (int q_parity = 0;; q_parity ^= 1, item_turn.next()) {
    wait(shared.item_full(item_turn.stage), item_turn.parity);
    const int item = *shared.item(item_turn.stage);
    arrive_as_warp(shared.item_empty(item_turn.stage), first_lane);
    if (item >= queue.items) return;
    const Work at = work_of(queue.tasks, in.heads, item);
    const float slope = in.slopes ? in.slopes[at.head] / in.scale : 0.0f;
    int column = 2 * t - (warp_row + g);  // of the last tile, whose first key is the block's first query
    float s[kKeys / 8][4], out[1][D / 8][4];
    uint32_t p[kKeys / 16][4];
    float factor[2];
    clear(out);
    RowState rows = {{-INFINITY, -INFINITY}, {0, 0}};

    wait(shared.q_full(), q_parity);
    wait(shared.k_full(turn.stage), turn.parity);
    products_begin();
    multiply_scores<D>(s, q, shared.k(turn.stage));
    products_commit();
    products_wait<0>();
    products_done(s);
    arrive_as_warp(shared.k_empty(turn.stage), first_lane);
    softmax<true>(s, rows, factor, scale2, slope, column);
    as_left_operand(p, s);

    for (int key = at.task.first - kKeys; key >= 0; key -= kKeys) {
      const Turn before = turn;
      turn.next();
      column -= kKeys;
      wait(shared.k_full(turn.stage), turn.parity);
      my_turn();
      products_begin();
      multiply_scores<D>(s, q, shared.k(turn.stage));
      products_commit();
      wait(shared.v_full(before.stage), before.parity);
      add_values<D>(out, p, shared.v(before.stage));
      products_commit();
      your_turn();
      products_wait<1>();
      products_done(s);
      arrive_as_warp(shared.k_empty(turn.stage), first_lane);
      softmax<false>(s, rows, factor, scale2, slope, column);
      products_wait<0>();
      products_done(out[0]);
      arrive_as_warp(shared.v_empty(before.stage), first_lane);
      as_left_operand(p, s);
#pragma unroll
      for (int n = 0; n < D / 8; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) out[0][n][i] *= factor[i / 2];
      }
    }
    arrive_as_warp(shared.q_empty(), first_lane);
    wait(shared.v_full(turn.stage), turn.parity);
    products_begin();
    add_values<D>(out, p, shared.v(turn.stage));
    products_commit();
    products_wait<0>();
    products_done(out[0]);
    arrive_as_warp(shared.v_empty(turn.stage), first_lane);
    turn.next();

    const int there = min(kQueries, at.task.length - at.task.first) - warp_row;
    const int64_t token = static_cast<int64_t>(at.task.start) + at.task.first + warp_row;
    float inverse[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float sum = rows.sum[half];
      sum += __shfl_xor_sync(0xffffffffu, sum, 1);
      sum += __shfl_xor_sync(0xffffffffu, sum, 2);
      inverse[half] = 1.0f / sum;
      const int row = 8 * half + g;
      if (t == 0 && row < there)
        in.lse[at.head * in.tokens + token + row] = rows.largest[half] * kLn2 + logf(sum);
    }
    store_rows<D, 1>(static_cast<bf16*>(in.out) + (token * in.heads + at.head) * D,
                     static_cast<int64_t>(in.heads) * D, there, staging, out,
                     [&](int, int half) { return inverse[half]; });
    __syncwarp();  // the staging rows are read
  }
}

#endif

template <int D>
__global__ void __launch_bounds__(kThreads, 1)
    forward_kernel(AttentionInputs in, const __grid_constant__ Maps maps, Queue queue) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  const Shared<D> shared = {dynamic_shared()};
  if (threadIdx.x == 0) {
    barrier_init(shared.q_full(), 1);
    barrier_init(shared.q_empty(), kWarps);
    for (int i = 0; i < kStages; ++i) {
      barrier_init(shared.k_full(i), 1);
      barrier_init(shared.v_full(i), 1);
      barrier_init(shared.k_empty(i), kWarps);
      barrier_init(shared.v_empty(i), kWarps);
      barrier_init(shared.item_full(i), 1);
      barrier_init(shared.item_empty(i), kWarps);
    }
    barriers_ready();
  }
  __syncthreads();
  const int group = group_of_thread();
  if (group == 0) {
    registers_down<24>();
    if (threadIdx.x == 0) copy_all<D>(in, maps, queue, shared);
  } else {
    registers_up<240>();
    compute<D>(in, queue, shared, group - 1);
  }
#endif
}

template <int D>
Status forward(Context& cuda, const AttentionInputs& in, AttentionTasks queries) {
  Maps maps;
  const HeadRows q = {in.q, in.q_head_stride, in.q_stride, in.tokens, in.heads, D};
  HeadRows kv = {in.k, in.kv_head_stride, in.kv_stride, in.tokens, in.kv_heads, D};
  BELLE_TRY(make_tensor_map(q, kQueries, &maps.q));
  BELLE_TRY(make_tensor_map(kv, kKeys, &maps.k));
  kv.base = in.v;
  BELLE_TRY(make_tensor_map(kv, kKeys, &maps.v));
  const Queue queue = {queries.tasks, static_cast<int>(queries.count * in.heads), cuda.counter};
  const int blocks = std::min(queue.items, cuda.properties.multiProcessorCount);
  return check_cuda("attention", launch_large(forward_kernel<D>, blocks, kThreads, Shared<D>::kBytes,
                                              cuda.stream, in, maps, queue));
}

}  // namespace

bool hopper_takes(const Context& cuda, const AttentionInputs& in) {
  return cuda.hopper_attention && (in.head_dim == 64 || in.head_dim == 128);
}

Status attention_forward_hopper(Context& cuda, const AttentionInputs& in, AttentionTasks queries) {
  return in.head_dim == 64 ? forward<64>(cuda, in, queries) : forward<128>(cuda, in, queries);
}

}  // namespace belle::cuda
