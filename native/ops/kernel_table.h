#pragma once
// KernelTable: every kernel of one instruction set. Each library belle_ops_<isa> exports one.
#include "native/ops/activation.h"
#include "native/ops/adamw.h"
#include "native/ops/attention.h"
#include "native/ops/cross_entropy.h"
#include "native/ops/embedding.h"
#include "native/ops/layer_norm.h"
#include "native/ops/multiply.h"
#include "native/ops/peak.h"
#include "native/ops/reduce.h"
#include "native/ops/rms_norm.h"
#include "native/ops/rope.h"

namespace belle::ops {

struct KernelTable {
  const char* isa;  // "baseline", "avx2", "avx512", "avx512bf16"
  int mr, nr;       // rows and columns of the micro-tile; B is packed in panels of nr
  bool pairs;       // a step of depth is two bfloat16 elements
  Pack* pack;
  Multiply* multiply;
  Peak* peak;
  Attention* attention;
  AttentionScratch* attention_scratch;
  AttentionBackward* attention_backward;
  AttentionBackwardScratch* attention_backward_scratch;
  AttentionDecode* attention_decode;
  AttentionDecodeMerge* attention_decode_merge;
  RmsNorm* rms_norm;
  RmsNormBackward* rms_norm_backward;
  LayerNorm* layer_norm;
  LayerNormBackward* layer_norm_backward;
  RopeTable* rope_table;
  RopeRotate* rope_rotate;
  SwiGlu* swiglu;
  SwiGluBackward* swiglu_backward;
  GeluTanh* gelu_tanh;
  GeluTanhBackward* gelu_tanh_backward;
  Add* add;
  Exponential* exponentials;
  Embedding* embedding;
  EmbeddingBackward* embedding_backward;
  LogitStatistics* logit_statistics;
  MergeStatistics* merge_statistics;
  LogitGradient* logit_gradient;
  AdamW* adamw;
  Sum* sum;
  Sum* sum_squares;
  ColumnSums* column_sums;
  AddPartialSums* add_partial_sums;
};

namespace baseline {
const KernelTable& kernels();
}
namespace avx2 {
const KernelTable& kernels();
}
namespace avx512 {
const KernelTable& kernels();
}
namespace avx512bf16 {
const KernelTable& kernels();
}

}  // namespace belle::ops
