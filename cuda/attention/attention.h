#pragma once
// The attention kernels and what they are told.
#include "cuda/attention/schedule.h"
#include "cuda/context.h"

namespace belle::cuda {

belle_status cache_append(void* context, const belle_cache_append_args* args);          // cache_append.cu
belle_status attention_decode(void* context, const belle_attention_decode_args* args);  // decode.cu

// belle_attention_args with what the host holds brought to the device.
struct AttentionInputs {
  const void *q, *k, *v;
  int64_t q_stride, q_head_stride, kv_stride, kv_head_stride;
  void* out;
  float* lse;
  const float* slopes;  // or null
  int64_t tokens;
  int32_t heads, kv_heads, head_dim;
  float scale;
};
// Of a query: its log-sum-exp in units of log2, and the sum of dout * out. [heads, tokens].
struct AttentionRow {
  float lse2, delta;
};
struct AttentionGradients {
  const void* dout;
  void *dq, *dk, *dv;
  const AttentionRow* rows;  // not of the kernels of hopper/, which make their own
};
struct AttentionTasks {
  const AttentionTask* tasks;  // on the device
  int64_t count;
};

// Tensor cores: bfloat16, a positive scale, 16-byte aligned buffers, strides that are multiples of 8. A task
// is kMmaBlock queries (forward, dq) or keys (dk and dv).
inline constexpr int32_t kMmaBlock = 128;
inline bool mma_head_dim(int32_t d) { return d == 64 || d == 80 || d == 96 || d == 128; }
Status attention_forward_mma(Context& cuda, const AttentionInputs& in, AttentionTasks queries);
Status attention_backward_queries_mma(Context& cuda, const AttentionInputs& in, const AttentionGradients& g,
                                      AttentionTasks queries);
Status attention_backward_keys_mma(Context& cuda, const AttentionInputs& in, const AttentionGradients& g,
                                   AttentionTasks keys);

// Any type, head size and alignment, with float32 throughout. A task is kPlainBlock queries or keys.
inline constexpr int32_t kPlainBlock = 64;
Status attention_forward_plain(Context& cuda, const AttentionInputs& in, int32_t type,
                               AttentionTasks queries);
Status attention_backward_plain(Context& cuda, const AttentionInputs& in, const AttentionGradients& g,
                                int32_t type, AttentionTasks queries, AttentionTasks keys);

Status attention_backward_rows(Context& cuda, const AttentionInputs& in, const void* dout, int32_t type,
                               AttentionRow* rows);

}  // namespace belle::cuda
