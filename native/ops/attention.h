#pragma once
// Causal attention with an online softmax in float32, over blocks of keys (Milakov & Gimelshein 2018; Dao et
// al. 2022). No score matrix of a whole document exists. Blocks start at the document's first token, so a
// result does not depend on the document's place in a pack. Reference: attention, attention_backward in
// test/native/ops/reference.h.
#include "native/ops/kernel.h"

namespace belle::ops {

constexpr int64_t kAttentionBlock = 64;  // queries, and keys, of one block

// Row r (rows <= kAttentionBlock) is the query at q + r*q_stride, standing at position first +
// r*position_step of its document: it sees the keys [0, position], key j at k + j*kv_stride. score = scale *
// q.k + slopes[r*slope_step] * (j - position). out row r is at out + r*out_stride; lse[r] = log of the sum of
// e^score, skipped when lse is NULL. One decoded token = the query heads of one kv head as rows,
// position_step 0.
struct AttentionBlock {
  const float* q;
  int64_t q_stride, rows, first, position_step;
  const float *k, *v;
  int64_t kv_stride, head_dim;
  float scale;
  const float* slopes;
  int64_t slope_step;
  float* out;
  int64_t out_stride;
  float* lse;
  float* scratch;  // attention_scratch(head_dim) floats, 64-byte aligned
};
using Attention = void(const AttentionBlock& block);
BELLE_KERNEL(Attention, attention)

// The gradients of one kv head over one document of `length` tokens, from its `group` query heads. Pointers
// are to the document's first token; query head g of the group adds g*head_stride (q, dq), g*out_head_stride
// (out, dout) and g*row_head_stride (lse, delta). dq, dk, dv are overwritten; dq rows are summed over key
// blocks in order, dk and dv over (query head, query block) in order. delta is scratch: dout.out of each row.
struct AttentionBackwardHead {
  int64_t length, group, head_dim;
  const float* q;
  float* dq;
  int64_t q_stride, head_stride;
  const float *k, *v;
  float *dk, *dv;
  int64_t kv_stride;
  const float *out, *dout;
  int64_t out_stride, out_head_stride;
  const float* lse;
  float* delta;
  int64_t row_head_stride;
  float scale;
  const float* slopes;  // of query head g: slopes[g * slope_step]
  int64_t slope_step;
  float* scratch;  // attention_backward_scratch(head_dim) floats, 64-byte aligned
};
using AttentionBackward = void(const AttentionBackwardHead& head);
BELLE_KERNEL(AttentionBackward, attention_backward)

// Floats of scratch memory for one thread.
using AttentionScratch = int64_t(int64_t head_dim);
BELLE_KERNEL(AttentionScratch, attention_scratch)
BELLE_KERNEL(AttentionScratch, attention_backward_scratch)

}  // namespace belle::ops
