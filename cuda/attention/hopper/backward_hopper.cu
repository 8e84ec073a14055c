// Attention backward on Hopper, one pass: 128 keys of one kv head, 64 in each of two warp groups, against the
// blocks of 64 queries that see them, the last one first. dk and dv stay in registers. A block's part of dq
// goes to float32 memory; the blocks of keys add theirs in ascending order, each waiting for its turn, so
// that the sum is the same in every run. They start in that order too, and every one works from the last
// query to its first: its turn has mostly come when it gets there. (That blocks start in the order of their
// numbers is what every GPU does, not what CUDA promises.)
#include "cuda/attention/hopper/hopper.h"
#include "cuda/attention/hopper/pipeline.cuh"
#include "cuda/attention/hopper/query_slots.cuh"
#include "cuda/attention/mma_tile.cuh"

namespace belle::cuda {

namespace {

#pragma nv_diag_suppress 177  // sm_80 is compiled too, where nothing of this is used

constexpr int kKeys = 64 * kGroups, kQueries = kSlotQueries;
static_assert(kKeys == kMmaBlock);
// Barriers of the thread block, by number; two of them for each of kDqStages.
constexpr int kDqStages = 2, kDqFull = 1, kDqEmpty = kDqFull + kDqStages, kScoresFull = kDqEmpty + kDqStages;

struct Maps {
  CUtensorMap q, k, v, dout;
};

template <int D>
struct Shared {
  static constexpr int kKeyColumns = kKeys * 128, kKeyTile = D / kMapColumns * kKeyColumns;
  static constexpr int kQueryColumns = kQueries * 128, kQueryTile = D / kMapColumns * kQueryColumns;
  static constexpr int kScores = kKeys * 128, kDq = kQueries * D * 4;
  static constexpr int kRows = kQueries * static_cast<int>(sizeof(AttentionRow));
  static constexpr int kScoresAt = 2 * kKeyTile + 2 * kStages * kQueryTile, kDqAt = kScoresAt + kScores,
                       kRowsAt = kDqAt + kDqStages * kDq, kBarriersAt = kRowsAt + kStages * kRows,
                       kBytes = kBarriersAt + (2 + 4 * kStages) * 8;
  unsigned char* base;
  __device__ __forceinline__ unsigned char* k() const { return base; }
  __device__ __forceinline__ unsigned char* v() const { return base + kKeyTile; }
  __device__ __forceinline__ unsigned char* q(int stage) const {
    return base + 2 * kKeyTile + stage * kQueryTile;
  }
  __device__ __forceinline__ unsigned char* dout(int stage) const {
    return base + 2 * kKeyTile + (kStages + stage) * kQueryTile;
  }
  __device__ __forceinline__ unsigned char* scores() const { return base + kScoresAt; }  // their gradients
  __device__ __forceinline__ float* dq(int stage) const {
    return reinterpret_cast<float*>(base + kDqAt + stage * kDq);
  }
  __device__ __forceinline__ AttentionRow* rows(int stage) const {
    return reinterpret_cast<AttentionRow*>(base + kRowsAt + stage * kRows);
  }
  __device__ __forceinline__ uint64_t* barrier(int i) const {
    return reinterpret_cast<uint64_t*>(base + kBarriersAt) + i;
  }
  __device__ __forceinline__ uint64_t* k_full() const { return barrier(0); }
  __device__ __forceinline__ uint64_t* v_full() const { return barrier(1); }
  // With the queries their rows. Full: copied. Empty: every warp is done with it.
  __device__ __forceinline__ uint64_t* q_full(int stage) const { return barrier(2 + stage); }
  __device__ __forceinline__ uint64_t* q_empty(int stage) const { return barrier(2 + kStages + stage); }
  __device__ __forceinline__ uint64_t* dout_full(int stage) const { return barrier(2 + 2 * kStages + stage); }
  __device__ __forceinline__ uint64_t* dout_empty(int stage) const {
    return barrier(2 + 3 * kStages + stage);
  }
};

// One block of queries of one head after the other, the heads of a kv head's group one after the other.
struct Steps {
  int head, heads_end, query, last, first;
  __device__ __forceinline__ Steps(const AttentionTask& task, int kv_head, int group)
      : head(kv_head * group),
        heads_end(head + group),
        query((task.length - 1) / kQueries * kQueries),
        last(query),
        first(task.first) {}
  __device__ __forceinline__ bool there() const { return head < heads_end; }
  __device__ __forceinline__ void next() {
    query -= kQueries;
    if (query < first) query = last, ++head;
  }
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

// The copying thread.
template <int D>
__device__ __forceinline__ void copy_all(const AttentionInputs& in, const QuerySlots& slots, const Maps& maps,
                                         const AttentionTask& task, int kv_head, Shared<D> shared) {
  using Of = Shared<D>;
  arrive_and_expect(shared.k_full(), Of::kKeyTile);
  copy_columns<D>(shared.k(), Of::kKeyColumns, maps.k, kv_head, task.start + task.first, shared.k_full());
  arrive_and_expect(shared.v_full(), Of::kKeyTile);
  copy_columns<D>(shared.v(), Of::kKeyColumns, maps.v, kv_head, task.start + task.first, shared.v_full());
  Turn turn;
  for (Steps at(task, kv_head, in.heads / in.kv_heads); at.there(); at.next(), turn.next()) {
    const int token = task.start + at.query;
    uint64_t* const q_full = shared.q_full(turn.stage);
    wait(shared.q_empty(turn.stage), turn.parity ^ 1);
    arrive_and_expect(q_full, Of::kQueryTile + Of::kRows);
    copy_columns<D>(shared.q(turn.stage), Of::kQueryColumns, maps.q, at.head, token, q_full);
    copy_bytes(shared.rows(turn.stage), slots.rows + slot_of(slots, task, at.head, at.query) * kQueries,
               Of::kRows, q_full);
    wait(shared.dout_empty(turn.stage), turn.parity ^ 1);
    arrive_and_expect(shared.dout_full(turn.stage), Of::kQueryTile);
    copy_columns<D>(shared.dout(turn.stage), Of::kQueryColumns, maps.dout, at.head, token,
                    shared.dout_full(turn.stage));
  }
}

__device__ __forceinline__ int32_t load_acquire(const int32_t* p) {
  int32_t value;
  asm volatile("ld.acquire.gpu.global.s32 %0, [%1];\n" : "=r"(value) : "l"(p) : "memory");
  return value;
}
__device__ __forceinline__ void store_release(int32_t* p, int32_t value) {
  asm volatile("st.release.gpu.global.s32 [%0], %1;\n" ::"l"(p), "r"(value) : "memory");
}
__device__ __forceinline__ void between_proxies() { asm volatile("fence.proxy.async;\n" ::: "memory"); }

// The warps that add parts of dq, each in turn: one has the even steps, one the odd ones, and a buffer each.
// A turn is waited for while the part is still being computed.
template <int D>
__device__ __forceinline__ void add_all(const AttentionInputs& in, const QuerySlots& slots,
                                        const AttentionTask& task, int kv_head, Shared<D> shared, int stage) {
  constexpr int kWith = kComputing + 32;
  const int turn = task.first / kKeys;
  const bool first_lane = threadIdx.x % 32 == 0;
  named_arrive(kDqEmpty + stage, kWith);
  Steps at(task, kv_head, in.heads / in.kv_heads);
  for (int i = 0; i < stage; ++i) at.next();
  while (at.there()) {
    const int64_t slot = slot_of(slots, task, at.head, at.query);
    for (int i = 0; i < kDqStages && at.there(); ++i) at.next();
    const bool more = at.there();
    if (first_lane && turn > 0) {
      while (load_acquire(slots.turns + slot) != turn) {
      }
      between_proxies();
    }
    __syncwarp();
    named_sync(kDqFull + stage, kWith);
    if (first_lane) {
      float* const to = slots.sums + slot * (kQueries * D);
      if (turn == 0) {
        store_bytes(to, shared.dq(stage), Shared<D>::kDq);
      } else {
        add_bytes(to, shared.dq(stage), Shared<D>::kDq);
      }
      stores_commit();
      stores_read();
    }
    __syncwarp();
    if (more) named_arrive(kDqEmpty + stage, kWith);
    if (first_lane) {
      stores_wait();
      between_proxies();
      store_release(slots.turns + slot, turn + 1);
    }
    __syncwarp();
  }
}

// Of 64 rows of b against this group's 64 rows of a, both along D.
template <int D>
__device__ __forceinline__ void multiply_rows_of(float (&s)[1][kQueries / 8][4], const unsigned char* a,
                                                 const unsigned char* b) {
  const uint64_t left = operand_at(a, 16), right = operand_at(b, 16);
  product_16<true, 0, 0>(s[0], left, right);
#pragma unroll
  for (int i = 1; i < D / 16; ++i) {
    product_16<false, 0, 0>(s[0], operand_plus(left, i / 4 * Shared<D>::kKeyColumns + i % 4 * 32),
                            operand_plus(right, i / 4 * Shared<D>::kQueryColumns + i % 4 * 32));
  }
}
template <int D>
__device__ __forceinline__ void add_weighted_rows(float (&out)[1][D / 8][4],
                                                  const uint32_t (&weights)[kQueries / 16][4],
                                                  const unsigned char* x) {
  const uint64_t right = operand_at(x, Shared<D>::kQueryColumns);
#pragma unroll
  for (int i = 0; i < kQueries / 16; ++i)
    product_16<1>(out[0], weights[i], operand_plus(right, i * 16 * 128));
}

// A warp group that computes: its 64 keys are the rows of its products, the queries their columns.
template <int D>
__device__ __forceinline__ void compute(const AttentionInputs& in, const AttentionGradients& gradients,
                                        const AttentionTask& task, int kv_head, Shared<D> shared, int group) {
  using Of = Shared<D>;
  constexpr int kWith = kComputing + 32;
  const int thread = static_cast<int>(threadIdx.x) % kGroupThreads, warp = thread / 32, lane = thread % 32;
  const int g = lane / 4, t = lane % 4, warp_row = 64 * group + 16 * warp;
  const int first_key = task.first + warp_row;
  const float scale2 = in.scale * kLog2e;
  const unsigned char* const k_rows = shared.k() + 64 * group * 128;
  const unsigned char* const v_rows = shared.v() + 64 * group * 128;
  // This thread's places among the scores' gradients, which lie by keys with the queries along the rows.
  unsigned char* const scores_row = shared.scores() + (warp_row + g) * 128 + t * 4;
  const uint64_t scores = operand_at(shared.scores(), 16);
  // Of keys, this group's half of the columns.
  const uint64_t half_keys =
      operand_at(D == 128 ? shared.k() + group * Of::kKeyColumns : shared.k() + group * 64, 16);
  float4* const dq_places =
      reinterpret_cast<float4*>(shared.dq(0)) + group * (D / 16) * kGroupThreads + thread;

  float dk[1][D / 8][4], dv[1][D / 8][4], s[1][kQueries / 8][4];
  clear(dk);
  clear(dv);
  products_done(dk[0]);  // cleared before the first products begin: or these would wait for one another
  products_done(dv[0]);
  Turn turn;
  Steps at(task, kv_head, in.heads / in.kv_heads);
  wait(shared.k_full(), 0);
  wait(shared.q_full(0), 0);
  products_begin();
  multiply_rows_of<D>(s, k_rows, shared.q(0));
  products_commit();
  products_wait<0>();
  products_done(s[0]);
  wait(shared.v_full(), 0);
  for (int dq_stage = 0;;) {
    float dp[1][kQueries / 8][4];
    uint32_t weights[kQueries / 16][4], ds[kQueries / 16][4];
    wait(shared.dout_full(turn.stage), turn.parity);
    products_begin();
    multiply_rows_of<D>(dp, v_rows, shared.dout(turn.stage));
    products_commit();
    const float slope = in.slopes ? in.slopes[at.head] / in.scale : 0.0f;
    bias_and_mask<true>(s, first_key + g - (at.query + 2 * t), slope,
                        task.first + 64 * group + 63 > at.query);
    // This thread's columns: two neighbours of every eight.
    const float4* const columns = reinterpret_cast<const float4*>(shared.rows(turn.stage)) + t;
#pragma unroll
    for (int n = 0; n < kQueries / 8; ++n) {
      const float4 row = columns[4 * n];
#pragma unroll
      for (int i = 0; i < 4; ++i)
        s[0][n][i] = exp2_fast(fmaf(s[0][n][i], scale2, i % 2 == 0 ? -row.x : -row.z));
    }
    as_left_operand(weights, s[0]);
    products_begin();
    add_weighted_rows<D>(dv, weights, shared.dout(turn.stage));
    products_commit();
    products_wait<1>();
    products_done(dp[0]);
#pragma unroll
    for (int n = 0; n < kQueries / 8; ++n) {
      const float4 row = columns[4 * n];
#pragma unroll
      for (int i = 0; i < 4; ++i) s[0][n][i] *= dp[0][n][i] - (i % 2 == 0 ? row.y : row.w);
    }
    as_left_operand(ds, s[0]);
#pragma unroll
    for (int n = 0; n < kQueries / 8; ++n) {
#pragma unroll
      for (int half = 0; half < 2; ++half)
        *reinterpret_cast<uint32_t*>(scores_row + half * 8 * 128 + (n ^ g) * 16) =
            ds[n / 2][n % 2 * 2 + half];
    }
    shared_written();
    products_wait<0>();
    products_done(dv[0]);
    arrive_as_warp(shared.dout_empty(turn.stage), lane == 0);
    named_sync(kScoresFull, kComputing);

    float dq[D / 16][4];
    products_begin();
    product_16<true, 1, 1>(dq, scores, half_keys);
#pragma unroll
    for (int i = 1; i < kKeys / 16; ++i)
      product_16<false, 1, 1>(dq, operand_plus(scores, i * 16 * 128), operand_plus(half_keys, i * 16 * 128));
    products_commit();
    add_weighted_rows<D>(dk, ds, shared.q(turn.stage));
    products_commit();
    const int stage = turn.stage;
    at.next();
    turn.next();
    const bool more = at.there();
    // After the last step once more, for nothing: products in one arm of a branch would wait for one another.
    if (more) wait(shared.q_full(turn.stage), turn.parity);
    multiply_rows_of<D>(s, k_rows, shared.q(more ? turn.stage : stage));
    products_commit();
    products_wait<2>();
    products_done(dq);
    // Both groups are done with the scores' gradients, and the warp that adds with this buffer.
    named_sync(kDqEmpty + dq_stage, kWith);
    float4* const dq_place = dq_places + dq_stage * (Of::kDq / 16);
#pragma unroll
    for (int n = 0; n < D / 16; ++n)
      dq_place[n * kGroupThreads] = make_float4(dq[n][0], dq[n][1], dq[n][2], dq[n][3]);
    shared_written();
    named_arrive(kDqFull + dq_stage, kWith);
    dq_stage ^= 1;
    products_wait<0>();
    products_done(s[0]);
    products_done(dk[0]);
    arrive_as_warp(shared.q_empty(stage), lane == 0);
    if (!more) break;
  }

  const int rows = min(kKeys, task.length - task.first) - warp_row;
  const int64_t to =
      (static_cast<int64_t>(task.start) + first_key) * in.kv_stride + kv_head * in.kv_head_stride;
  // The keys and values are not read any more: their places take the output.
  const int place = (4 * group + warp) * 16 * MmaTile<D>::kRowBytes;
  named_sync(kScoresFull, kComputing);
  store_rows<D, 1>(static_cast<bf16*>(gradients.dk) + to, in.kv_stride, rows, shared.k() + place, dk,
                   [&](int, int) { return in.scale; });
  store_rows<D, 1>(static_cast<bf16*>(gradients.dv) + to, in.kv_stride, rows, shared.v() + place, dv,
                   [](int, int) { return 1.0f; });
}

#endif

template <int D>
__global__ void __launch_bounds__(kThreads, 1)
    backward_kernel(AttentionInputs in, AttentionGradients gradients, const __grid_constant__ Maps maps,
                    QuerySlots slots, const AttentionTask* tasks) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  const Shared<D> shared = {dynamic_shared()};
  if (threadIdx.x == 0) {
    barrier_init(shared.k_full(), 1);
    barrier_init(shared.v_full(), 1);
    for (int i = 0; i < kStages; ++i) {
      barrier_init(shared.q_full(i), 1);
      barrier_init(shared.dout_full(i), 1);
      barrier_init(shared.q_empty(i), kWarps);
      barrier_init(shared.dout_empty(i), kWarps);
    }
    barriers_ready();
  }
  __syncthreads();
  const AttentionTask task = tasks[blockIdx.x / in.kv_heads];
  const int kv_head = static_cast<int>(blockIdx.x % in.kv_heads);
  const int group = group_of_thread();
  if (group == 0) {
    registers_down<24>();
    const int warp = __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 32, 0);
    if (threadIdx.x == 0) {
      copy_all<D>(in, slots, maps, task, kv_head, shared);
    } else if (warp >= 1 && warp <= kDqStages) {
      add_all<D>(in, slots, task, kv_head, shared, warp - 1);
    }
  } else {
    registers_up<240>();
    compute<D>(in, gradients, task, kv_head, shared, group - 1);
  }
#endif
}

template <int D>
Status backward(Context& cuda, const AttentionInputs& in, const AttentionGradients& g, int32_t documents,
                AttentionTasks keys) {
  Maps maps;
  const HeadRows q = {in.q, in.q_head_stride, in.q_stride, in.tokens, in.heads, D};
  const HeadRows dout = {g.dout, D, int64_t{D} * in.heads, in.tokens, in.heads, D};
  HeadRows kv = {in.k, in.kv_head_stride, in.kv_stride, in.tokens, in.kv_heads, D};
  BELLE_TRY(make_tensor_map(q, kQueries, &maps.q));
  BELLE_TRY(make_tensor_map(dout, kQueries, &maps.dout));
  BELLE_TRY(make_tensor_map(kv, kKeys, &maps.k));
  kv.base = in.v;
  BELLE_TRY(make_tensor_map(kv, kKeys, &maps.v));

  QuerySlots slots = {
      .slots = slots_of(in.tokens, documents), .rows = nullptr, .sums = nullptr, .turns = nullptr};
  const int64_t blocks = in.heads * slots.slots;
  const int64_t floats = blocks * kQueries * D, rows = blocks * kQueries;
  const int64_t bytes = floats * 4 + rows * static_cast<int64_t>(sizeof(AttentionRow)) + blocks * 4;
  auto* memory = cuda.scratch.get<unsigned char>(cuda.stream, bytes);
  if (!memory) return scratch_missing("attention_backward", bytes);
  slots.sums = reinterpret_cast<float*>(memory);
  slots.rows = reinterpret_cast<AttentionRow*>(slots.sums + floats);
  slots.turns = reinterpret_cast<int32_t*>(slots.rows + rows);
  BELLE_TRY(prepare_query_slots(cuda, in, g.dout, slots, keys));
  BELLE_TRY(check_cuda("attention_backward",
                       launch_large(backward_kernel<D>, keys.count * in.kv_heads, kThreads, Shared<D>::kBytes,
                                    cuda.stream, in, g, maps, slots, keys.tasks)));
  return finish_query_slots(cuda, in, g.dq, slots, keys);
}

}  // namespace

Status attention_backward_hopper(Context& cuda, const AttentionInputs& in, const AttentionGradients& g,
                                 int32_t documents, AttentionTasks keys) {
  return in.head_dim == 64 ? backward<64>(cuda, in, g, documents, keys)
                           : backward<128>(cuda, in, g, documents, keys);
}

}  // namespace belle::cuda
