// The attention entries: checks, the tasks of a call and the choice of kernels. Tensor cores take bfloat16 of
// the head sizes that models have; whatever else there is goes to the plain kernels.
#include "cuda/entries.h"

#include <vector>

#include "cuda/attention/attention.h"
#include "cuda/attention/hopper/hopper.h"

namespace belle::cuda {

namespace {

bool takes_mma(const belle_attention_args& a) {
  const auto whole = [](int64_t stride) { return stride % 8 == 0; };
  return a.type == BELLE_BF16 && mma_head_dim(a.head_dim) && a.scale > 0 &&
         all_aligned(a.q, a.k, a.v, a.out) && whole(a.q_stride) && whole(a.q_head_stride) &&
         whole(a.kv_stride) && whole(a.kv_head_stride);
}

// A call's tasks on the device.
struct Uploaded {
  AttentionInputs in;
  AttentionTasks queries, keys;
};
Result<Uploaded> upload(Context& cuda, const belle_attention_args& a, int32_t block, bool backward) {
  std::vector<AttentionTask> tasks;
  append_tasks(a.cu_seqlens, a.documents, block, AttentionBlocks::queries, &tasks);
  const size_t queries = tasks.size();
  if (backward) append_tasks(a.cu_seqlens, a.documents, block, AttentionBlocks::keys, &tasks);
  BELLE_ASSIGN(const void* device,
               cuda.staging.upload(cuda.stream, tasks.data(), tasks.size() * sizeof(AttentionTask)));

  const auto* first = static_cast<const AttentionTask*>(device);
  Uploaded u = {};
  u.queries = {first, static_cast<int64_t>(queries)};
  u.keys = {first + queries, static_cast<int64_t>(tasks.size() - queries)};
  u.in = {.q = a.q,
          .k = a.k,
          .v = a.v,
          .q_stride = a.q_stride,
          .q_head_stride = a.q_head_stride,
          .kv_stride = a.kv_stride,
          .kv_head_stride = a.kv_head_stride,
          .out = a.out,
          .lse = a.lse,
          .slopes = a.alibi_slopes,
          .tokens = a.cu_seqlens[a.documents],
          .heads = a.heads,
          .kv_heads = a.kv_heads,
          .head_dim = a.head_dim,
          .scale = a.scale};
  return u;
}

belle_status attention(void* context, const belle_attention_args* args) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_attention(args));
    if (args->cu_seqlens[args->documents] == 0) return {};
    const bool mma = takes_mma(*args);
    BELLE_ASSIGN(const Uploaded u, upload(cuda, *args, mma ? kMmaBlock : kPlainBlock, false));
    if (!mma) return attention_forward_plain(cuda, u.in, args->type, u.queries);
    return hopper_takes(cuda, u.in) ? attention_forward_hopper(cuda, u.in, u.queries)
                                    : attention_forward_mma(cuda, u.in, u.queries);
  });
}

belle_status attention_backward(void* context, const belle_attention_backward_args* args) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_attention_backward(args));
    const belle_attention_args& a = args->forward;
    const int64_t tokens = a.cu_seqlens[a.documents];
    if (tokens == 0) return {};
    const bool mma = takes_mma(a) && all_aligned(args->dout, args->dq, args->dk, args->dv);
    BELLE_ASSIGN(const Uploaded u, upload(cuda, a, mma ? kMmaBlock : kPlainBlock, true));
    if (mma && hopper_takes(cuda, u.in)) {
      return attention_backward_hopper(cuda, u.in, {args->dout, args->dq, args->dk, args->dv, nullptr},
                                       a.documents, u.keys);
    }
    auto* rows = cuda.scratch.get<AttentionRow>(cuda.stream, tokens * a.heads);
    if (!rows)
      return scratch_missing("attention_backward",
                             tokens * a.heads * static_cast<int64_t>(sizeof(AttentionRow)));
    BELLE_TRY(attention_backward_rows(cuda, u.in, args->dout, a.type, rows));
    const AttentionGradients g = {args->dout, args->dq, args->dk, args->dv, rows};
    if (!mma) return attention_backward_plain(cuda, u.in, g, a.type, u.queries, u.keys);
    BELLE_TRY(attention_backward_keys_mma(cuda, u.in, g, u.keys));
    return attention_backward_queries_mma(cuda, u.in, g, u.queries);
  });
}

}  // namespace

void set_attention_entries(belle_backend& b) {
  b.attention = attention;
  b.attention_backward = attention_backward;
  b.cache_append = cache_append;
  b.attention_decode = attention_decode;
}

}  // namespace belle::cuda
