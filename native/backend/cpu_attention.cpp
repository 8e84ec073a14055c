// Attention of the CPU backend: a task is one block of queries of one head (forward) or one kv head of one
// document (backward).
#include <algorithm>
#include <array>
#include <numeric>

#include "native/backend/cpu_entries.h"

namespace belle::backend {

namespace {

double attention_work(const belle_attention_args& a) {
  double work = 0;
  for (int32_t i = 0; i < a.documents; ++i) {
    const double length = a.cu_seqlens[i + 1] - a.cu_seqlens[i];
    work += 2 * length * length * a.heads * a.head_dim;
  }
  return work;
}

// The documents cut into blocks of tokens, the longest document first and of a document the last block, which
// sees the most keys: no thread is left with a large piece at the end.
struct BlockList {
  const belle_attention_args& a;
  int64_t size;
  const int64_t *order, *before;  // documents; blocks of those earlier in the order

  int64_t blocks() const { return before[a.documents]; }
  int64_t length(int64_t document) const { return a.cu_seqlens[document + 1] - a.cu_seqlens[document]; }
  int64_t longest() const { return a.documents > 0 ? length(order[0]) : 0; }

  struct Place {
    int64_t document, block;
  };
  Place find(int64_t index) const {
    const int64_t i = std::upper_bound(before, before + a.documents + 1, index) - before - 1;
    return {order[i], before[i + 1] - 1 - index};
  }
};

// In the context's memory: one list at a time.
Result<BlockList> list_blocks(CpuContext& cpu, const char* op, const belle_attention_args& a, int64_t size) {
  int64_t* before = cpu.block_counts.get<int64_t>(2 * int64_t{a.documents} + 1);
  if (!before) return scratch_missing(op, (2 * int64_t{a.documents} + 1) * 8);
  int64_t* order = before + a.documents + 1;
  std::iota(order, order + a.documents, int64_t{0});
  const BlockList list = {a, size, order, before};
  std::sort(order, order + a.documents, [&](int64_t x, int64_t y) {
    return list.length(x) != list.length(y) ? list.length(x) > list.length(y) : x < y;
  });
  before[0] = 0;
  for (int64_t i = 0; i < a.documents; ++i)
    before[i + 1] = before[i] + (list.length(order[i]) + size - 1) / size;
  return list;
}

belle_status attention(void* context, const belle_attention_args* args) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    constexpr const char* kOp = "attention";
    BELLE_TRY(abi::check_attention(args));
    const belle_attention_args& a = *args;
    const int64_t scratch = cpu.kernels.attention_scratch(a.head_dim);
    BELLE_TRY(cpu.thread_scratch(scratch, kOp));
    BELLE_ASSIGN(const BlockList list, list_blocks(cpu, kOp, a, ops::kAttentionRows));
    const int64_t tokens = a.cu_seqlens[a.documents];
    const auto type = static_cast<ops::Type>(a.type);
    auto task = [&](size_t chunk, int thread) {
      const auto [document, block] = list.find(static_cast<int64_t>(chunk) / a.heads);
      const int64_t head = static_cast<int64_t>(chunk) % a.heads, kv_head = head / (a.heads / a.kv_heads);
      const int64_t start = a.cu_seqlens[document], first = block * list.size, token = start + first;
      cpu.kernels.attention({
          .type = type,
          .q = ops::offset(a.q, token * a.q_stride + head * a.q_head_stride, type),
          .q_stride = a.q_stride,
          .rows = std::min(list.size, list.length(document) - first),
          .first = first,
          .k = ops::offset(a.k, start * a.kv_stride + kv_head * a.kv_head_stride, type),
          .v = ops::offset(a.v, start * a.kv_stride + kv_head * a.kv_head_stride, type),
          .kv_stride = a.kv_stride,
          .head_dim = a.head_dim,
          .scale = a.scale,
          .slope = a.alibi_slopes ? a.alibi_slopes[head] : 0,
          .out = ops::offset(a.out, (token * a.heads + head) * a.head_dim, type),
          .out_stride = int64_t{a.heads} * a.head_dim,
          .lse = a.lse + head * tokens + token,
          .scratch = cpu.thread[thread].get<float>(scratch),
      });
    };
    cpu.parallel(list.blocks() * a.heads, attention_work(a), task);
    return {};
  });
}

// Whether whole heads are so few, or one document so long, that threads would wait longer than it takes to
// compute the scores twice (7 products in place of 5): by handing the tasks out one after the other.
bool parts_pay(const BlockList& list, int64_t threads) {
  constexpr int64_t kMostThreads = 64, kTasksPerThread = 8;
  double total = 0;
  for (int32_t i = 0; i < list.a.documents; ++i) {
    const double length = static_cast<double>(list.length(i));
    total += length * length * list.a.kv_heads;
  }
  threads = std::min(threads, kMostThreads);
  std::array<double, kMostThreads> load = {};
  const int64_t tasks = std::min(int64_t{list.a.documents} * list.a.kv_heads, kTasksPerThread * threads);
  for (int64_t i = 0; i < tasks; ++i) {
    const double length = static_cast<double>(list.length(list.order[i / list.a.kv_heads]));
    *std::min_element(load.begin(), load.begin() + threads) += length * length;
  }
  return *std::max_element(load.begin(), load.begin() + threads) > 1.5 * total / static_cast<double>(threads);
}

belle_status attention_backward(void* context, const belle_attention_backward_args* args) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    constexpr const char* kOp = "attention_backward";
    constexpr int64_t kMostScratch =
        (int64_t{256} << 20) / 4;  // floats of a thread: longer documents in parts
    BELLE_TRY(abi::check_attention_backward(args));
    const belle_attention_args& a = args->forward;
    const int64_t tokens = a.cu_seqlens[a.documents], group = a.heads / a.kv_heads;
    BELLE_ASSIGN(const BlockList list, list_blocks(cpu, kOp, a, ops::kAttentionBlock));
    const auto type = static_cast<ops::Type>(a.type);
    int64_t scratch = cpu.kernels.attention_backward_scratch(a.head_dim, list.longest());
    const bool parts = scratch > kMostScratch || parts_pay(list, cpu.pool.threads());
    if (parts) scratch = cpu.kernels.attention_backward_scratch(a.head_dim, ops::kAttentionBlock);
    BELLE_TRY(cpu.thread_scratch(scratch, kOp));
    auto run = [&](int64_t document, int64_t kv_head, int thread, ops::AttentionPart part, int64_t query_head,
                   int64_t block) {
      const int64_t start = a.cu_seqlens[document], head = kv_head * group;
      const int64_t q = start * a.q_stride + head * a.q_head_stride;
      const int64_t kv = start * a.kv_stride + kv_head * a.kv_head_stride;
      const int64_t out = (start * a.heads + head) * a.head_dim;
      cpu.kernels.attention_backward({
          .type = type,
          .length = list.length(document),
          .group = group,
          .head_dim = a.head_dim,
          .q = ops::offset(a.q, q, type),
          .dq = ops::offset(args->dq, q, type),
          .q_stride = a.q_stride,
          .head_stride = a.q_head_stride,
          .k = ops::offset(a.k, kv, type),
          .v = ops::offset(a.v, kv, type),
          .dk = ops::offset(args->dk, kv, type),
          .dv = ops::offset(args->dv, kv, type),
          .kv_stride = a.kv_stride,
          .out = ops::offset(static_cast<const void*>(a.out), out, type),
          .dout = ops::offset(args->dout, out, type),
          .out_stride = int64_t{a.heads} * a.head_dim,
          .out_head_stride = a.head_dim,
          .lse = a.lse + head * tokens + start,
          .lse_head_stride = tokens,
          .scale = a.scale,
          .slopes = a.alibi_slopes ? a.alibi_slopes + head : &kNoSlope,
          .slope_step = a.alibi_slopes ? 1 : 0,
          .part = part,
          .head = query_head,
          .block = block,
          .scratch = cpu.thread[thread].get<float>(scratch),
      });
    };
    const double work = 2.5 * attention_work(a);
    if (!parts) {
      auto task = [&](size_t chunk, int thread) {
        run(list.order[static_cast<int64_t>(chunk) / a.kv_heads], static_cast<int64_t>(chunk) % a.kv_heads,
            thread, ops::AttentionPart::whole, 0, 0);
      };
      cpu.parallel(int64_t{a.documents} * a.kv_heads, work, task);
      return {};
    }
    auto queries = [&](size_t chunk, int thread) {
      const auto [document, block] = list.find(static_cast<int64_t>(chunk) / a.heads);
      const int64_t head = static_cast<int64_t>(chunk) % a.heads;
      run(document, head / group, thread, ops::AttentionPart::queries, head % group, block);
    };
    auto keys = [&](size_t chunk, int thread) {
      // The first block of keys is seen by the most queries.
      const auto [document, from_last] = list.find(static_cast<int64_t>(chunk) / a.kv_heads);
      const int64_t last = (list.length(document) - 1) / list.size;
      run(document, static_cast<int64_t>(chunk) % a.kv_heads, thread, ops::AttentionPart::keys, 0,
          last - from_last);
    };
    cpu.parallel(list.blocks() * a.heads, work, queries);
    cpu.parallel(list.blocks() * a.kv_heads, work, keys);
    return {};
  });
}

}  // namespace

void set_attention_entries(belle_backend& b) {
  b.attention = attention;
  b.attention_backward = attention_backward;
}

}  // namespace belle::backend
