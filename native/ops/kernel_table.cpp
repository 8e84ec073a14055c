#include "native/ops/kernel_table.h"

#include "native/ops/tile.h"

#define BELLE_TEXT_OF(x) #x
#define BELLE_TEXT(x) BELLE_TEXT_OF(x)

namespace belle::ops::BELLE_ISA {

const KernelTable& kernels() {
  static constexpr KernelTable table = {
      .isa = BELLE_TEXT(BELLE_ISA),
      .mr = kTileRows,
      .nr = kTileCols,
      .pairs = kPairs,
      .pack = pack,
      .multiply = multiply,
      .peak = peak,
      .attention = attention,
      .attention_scratch = attention_scratch,
      .attention_backward = attention_backward,
      .attention_backward_scratch = attention_backward_scratch,
      .attention_decode = attention_decode,
      .attention_decode_merge = attention_decode_merge,
      .rms_norm = rms_norm,
      .rms_norm_backward = rms_norm_backward,
      .layer_norm = layer_norm,
      .layer_norm_backward = layer_norm_backward,
      .rope_table = rope_table,
      .rope_rotate = rope_rotate,
      .swiglu = swiglu,
      .swiglu_backward = swiglu_backward,
      .gelu_tanh = gelu_tanh,
      .gelu_tanh_backward = gelu_tanh_backward,
      .add = add,
      .exponentials = exponentials,
      .embedding = embedding,
      .embedding_backward = embedding_backward,
      .logit_statistics = logit_statistics,
      .merge_statistics = merge_statistics,
      .logit_gradient = logit_gradient,
      .adamw = adamw,
      .sum = sum,
      .sum_squares = sum_squares,
      .column_sums = column_sums,
      .add_partial_sums = add_partial_sums,
  };
  return table;
}

}  // namespace belle::ops::BELLE_ISA
