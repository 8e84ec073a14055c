#pragma once
// Causal attention with an online softmax, over blocks of keys (Milakov & Gimelshein 2018; Dao et al. 2022).
// No score matrix of a whole document exists. Blocks start at the document's first token, so a result does
// not depend on the document's place in a pack. Scores, statistics and sums are float32; with bfloat16
// operands the probabilities (and, backward, the gradients of the scores) are rounded to bfloat16 where they
// meet another operand, if the instruction set multiplies pairs. Reference: attention, attention_backward in
// test/native/ops/reference.h.
#include "native/ops/kernel.h"

namespace belle::ops {

// Queries, and keys, of one block: whole tiles of every instruction set, in rows and in columns.
constexpr int64_t kAttentionBlock = 192;

// Queries of one task: they share the packing of the keys and values.
constexpr int64_t kAttentionRows = 2 * kAttentionBlock;

// Row r (rows <= kAttentionRows) is the query at q + r*q_stride, standing at position first + r of its
// document (first: a multiple of kAttentionRows): it sees the keys [0, first + r], key j at k + j*kv_stride.
// score = scale * q.k + slope * (j - position). out row r is at out + r*out_stride; lse[r] = log of the sum
// of e^score. Strides in elements of `type`.
struct AttentionBlock {
  Type type;
  const void* q;
  int64_t q_stride, rows, first;
  const void *k, *v;
  int64_t kv_stride, head_dim;
  float scale, slope;
  void* out;
  int64_t out_stride;
  float* lse;
  float* scratch;  // attention_scratch(head_dim) floats, 64-byte aligned
};
using Attention = void(const AttentionBlock& block);
BELLE_KERNEL(Attention, attention)

// What one task of the backward pass gives: everything, or, where whole heads would leave threads idle, dq of
// one block of one query head and dk, dv of one block of keys, with the same bits and the scores computed
// twice.
enum class AttentionPart : int32_t { whole, queries, keys };

// The gradients of one kv head over one document of `length` tokens, from its `group` query heads. Pointers
// are to the document's first token; query head g of the group adds g*head_stride (q, dq), g*out_head_stride
// (out, dout) and g*lse_head_stride (lse). dq, dk, dv are overwritten; dq rows are summed over key blocks in
// order, dk and dv over (query head, query block) in order.
struct AttentionBackwardHead {
  Type type;
  int64_t length, group, head_dim;
  const void* q;
  void* dq;
  int64_t q_stride, head_stride;
  const void *k, *v;
  void *dk, *dv;
  int64_t kv_stride;
  const void *out, *dout;
  int64_t out_stride, out_head_stride;
  const float* lse;
  int64_t lse_head_stride;
  float scale;
  const float* slopes;  // of query head g: slopes[g * slope_step]
  int64_t slope_step;
  AttentionPart part;
  int64_t head, block;  // the query head of the group (queries) and the block (queries, keys)
  float* scratch;       // attention_backward_scratch(head_dim, keys) floats, 64-byte aligned
};
using AttentionBackward = void(const AttentionBackwardHead& head);
BELLE_KERNEL(AttentionBackward, attention_backward)

// Floats of scratch memory for one thread.
using AttentionScratch = int64_t(int64_t head_dim);
BELLE_KERNEL(AttentionScratch, attention_scratch)
// keys: the document's length, or kAttentionBlock for parts of it.
using AttentionBackwardScratch = int64_t(int64_t head_dim, int64_t keys);
BELLE_KERNEL(AttentionBackwardScratch, attention_backward_scratch)

constexpr int64_t kDecodeKeys = 128;  // of one range: whole vectors, and whole steps of the values

// Floats of what a range leaves of a head: the maximum, the sum and the unnormalised values.
constexpr int64_t decode_part(int64_t head_dim) { return head_dim + 2; }

// Decoding: one query of each of `heads` heads (head h at q + h*q_stride) against the keys [from, to) of its
// sequence, at most kDecodeKeys; k and v are [keys, kv_heads, head_dim]; the query stands at `position`.
// parts[heads][decode_part(head_dim)] get what attention_decode_merge needs.
struct AttentionDecodeRange {
  Type type;
  const void* q;
  int64_t q_stride, heads, kv_heads, head_dim;
  const void *k, *v;
  int64_t from, to, position;
  float scale;
  const float* slopes;  // of head h: slopes[h * slope_step]
  int64_t slope_step;
  float* parts;
  float* weights;  // scratch [heads, kDecodeKeys], 64-byte aligned
};
using AttentionDecode = void(const AttentionDecodeRange& range);
BELLE_KERNEL(AttentionDecode, attention_decode)

// out[head_dim] from the parts of `ranges` ranges of one head, in order.
struct AttentionDecodeParts {
  Type type;
  void* out;
  const float* parts;
  int64_t ranges, range_stride, head_dim;
};
using AttentionDecodeMerge = void(const AttentionDecodeParts& parts);
BELLE_KERNEL(AttentionDecodeMerge, attention_decode_merge)

}  // namespace belle::ops
