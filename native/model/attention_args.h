#pragma once
// The attention arguments of one layer, shared by forward and backward.
#include <cmath>

#include "native/model/decoder.h"

namespace belle::model {

inline belle_attention_args attention_args(const Pass& pass, int64_t layer) {
  const DecoderConfig& c = pass.state.config;
  const LayerActivations& a = pass.act.layers[static_cast<size_t>(layer)];
  const QkvLayout at = qkv_layout(c);
  belle_attention_args args{};
  args.q = a.qkv;
  args.k = element(a.qkv, at.k, pass.state.dtype);
  args.v = element(a.qkv, at.v, pass.state.dtype);
  args.q_stride = args.kv_stride = at.width;
  args.q_head_stride = args.kv_head_stride = at.head_stride;
  args.out = a.attended;
  args.lse = a.lse;
  args.cu_seqlens = pass.cu_seqlens.data();
  args.documents = static_cast<int32_t>(pass.cu_seqlens.size()) - 1;
  args.heads = static_cast<int32_t>(c.num_attention_heads);
  args.kv_heads = static_cast<int32_t>(c.num_key_value_heads);
  args.head_dim = static_cast<int32_t>(c.head_dim);
  args.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(c.head_dim)));
  args.alibi_slopes = pass.state.slopes.floats();
  args.type = pass.state.type();
  return args;
}

}  // namespace belle::model
