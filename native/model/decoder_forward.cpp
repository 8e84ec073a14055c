#include "native/model/attention_args.h"
#include "native/model/decoder.h"
#include "native/model/linear.h"
#include "native/model/norm.h"

namespace belle::model {
namespace {

Status add(const Pass& pass, float* out, const float* a, const float* b, int64_t n) {
  const belle_backend& device = *pass.state.backend;
  return backend::from_c(device.add(device.context, out, a, b, n, BELLE_F32));
}

// ids -> layers[0].x [T, d]
Status embed(const Pass& pass) {
  const Model::State& s = pass.state;
  const belle_backend& b = *s.backend;
  const Activations& act = pass.act;
  float* x = act.layers.front().x;
  float* looked_up = s.config.embedding_norm() ? act.embedded : x;
  BELLE_TRY(backend::from_c(b.embedding(b.context, looked_up, s.weight(s.map.embedding), act.ids, pass.tokens,
                                        s.config.hidden_size, BELLE_F32)));
  return s.config.embedding_norm() ? norm(pass, embedding_norm(pass), x, looked_up) : Status();
}

// layers[i].x [T, d] -> layers[i].qkv [T, W], q and k rotated to their positions
Status project_qkv(const Pass& pass, int64_t layer) {
  const Model::State& s = pass.state;
  const belle_backend& b = *s.backend;
  const DecoderConfig& c = s.config;
  const LayerOffsets& at = s.map.layers[static_cast<size_t>(layer)];
  const LayerActivations& a = pass.act.layers[static_cast<size_t>(layer)];
  const QkvLayout qkv = qkv_layout(c);
  BELLE_TRY(norm(pass, attention_norm(at, a), pass.act.normed, a.x));
  BELLE_TRY(linear(b, a.qkv, pass.act.normed, s.weight(at.qkv), s.weight(at.qkv_bias), pass.tokens, qkv.width,
                   c.hidden_size));
  if (c.alibi()) return {};
  // k's heads follow q's at the same stride: one call turns both
  return backend::from_c(b.rope(b.context, a.qkv, pass.act.positions, pass.tokens,
                                static_cast<int32_t>(c.num_attention_heads + c.num_key_value_heads),
                                static_cast<int32_t>(c.head_dim), qkv.width, qkv.head_stride, c.rope_theta, 0,
                                BELLE_F32));
}

// x_middle = x + attended Wo^T (+ bias)
Status add_attention(const Pass& pass, int64_t layer) {
  const Model::State& s = pass.state;
  const DecoderConfig& c = s.config;
  const LayerOffsets& at = s.map.layers[static_cast<size_t>(layer)];
  const LayerActivations& a = pass.act.layers[static_cast<size_t>(layer)];
  BELLE_TRY(linear(*s.backend, pass.act.branch, a.attended, s.weight(at.attention_out),
                   s.weight(at.attention_out_bias), pass.tokens, c.hidden_size,
                   c.num_attention_heads * c.head_dim));
  return add(pass, a.x_middle, a.x, pass.act.branch, pass.tokens * c.hidden_size);
}

// next = x_middle + MLP(norm(x_middle))
Status add_mlp(const Pass& pass, int64_t layer, float* next) {
  const Model::State& s = pass.state;
  const belle_backend& b = *s.backend;
  const DecoderConfig& c = s.config;
  const LayerOffsets& at = s.map.layers[static_cast<size_t>(layer)];
  const LayerActivations& a = pass.act.layers[static_cast<size_t>(layer)];
  const int64_t d = c.hidden_size, ff = c.intermediate_size, n = pass.tokens * ff;
  BELLE_TRY(norm(pass, mlp_norm(at, a), pass.act.normed, a.x_middle));
  BELLE_TRY(linear(b, a.up, pass.act.normed, s.weight(at.up), s.weight(at.up_bias), pass.tokens, ff, d));
  if (c.gelu()) {
    BELLE_TRY(backend::from_c(b.gelu_tanh(b.context, pass.act.product, a.up, n, BELLE_F32)));
  } else {
    BELLE_TRY(linear(b, a.gate, pass.act.normed, s.weight(at.gate), nullptr, pass.tokens, ff, d));
    BELLE_TRY(
        backend::from_c(b.swiglu(b.context, pass.act.product, a.gate, a.up, pass.tokens, ff, ff, BELLE_F32)));
  }
  BELLE_TRY(linear(b, pass.act.branch, pass.act.product, s.weight(at.down), s.weight(at.down_bias),
                   pass.tokens, d, ff));
  return add(pass, next, a.x_middle, pass.act.branch, pass.tokens * d);
}

}  // namespace

QkvLayout qkv_layout(const DecoderConfig& c) {
  const int64_t width = (c.num_attention_heads + 2 * c.num_key_value_heads) * c.head_dim;
  if (c.fused_qkv()) return {width, 3 * c.head_dim, c.head_dim, 2 * c.head_dim};  // [head][q|k|v][hd]
  return {width, c.head_dim, c.num_attention_heads * c.head_dim,
          (c.num_attention_heads + c.num_key_value_heads) * c.head_dim};  // [q heads][k heads][v heads]
}

Status forward_decoder(const Pass& pass, const AttentionStep& attention) {
  const Activations& act = pass.act;
  const int64_t layers = pass.state.config.num_hidden_layers;
  BELLE_TRY(embed(pass));
  for (int64_t i = 0; i < layers; ++i) {
    float* next = i + 1 < layers ? act.layers[static_cast<size_t>(i) + 1].x : act.x_last;
    BELLE_TRY(project_qkv(pass, i));
    BELLE_TRY(attention(i));
    BELLE_TRY(add_attention(pass, i));
    BELLE_TRY(add_mlp(pass, i, next));
  }
  return norm(pass, final_norm(pass), act.hidden, act.x_last);
}

Status forward_attention(const Pass& pass, int64_t layer) {
  const belle_backend& b = *pass.state.backend;
  const belle_attention_args args = attention_args(pass, layer);
  return backend::from_c(b.attention(b.context, &args));
}

Status forward_logits(const Pass& pass, float* out, const float* hidden, int64_t rows) {
  const Model::State& s = pass.state;
  return linear(*s.backend, out, hidden, s.weight(s.map.head), nullptr, rows, s.config.vocab_size,
                s.config.hidden_size);
}

Status forward_losses(const Pass& pass) {
  const Model::State& s = pass.state;
  const belle_backend& b = *s.backend;
  belle_linear_cross_entropy_args args{};
  args.rows = pass.tokens;
  args.d = s.config.hidden_size;
  args.vocab = s.config.vocab_size;
  args.hidden = pass.act.hidden;
  args.head = s.weight(s.map.head);
  args.targets = pass.act.targets;
  args.losses = pass.act.losses;
  args.logits_scratch = pass.act.logits;
  args.chunk_rows = pass.act.chunk_rows;
  args.type = BELLE_F32;
  return backend::from_c(b.linear_cross_entropy(b.context, &args));
}

}  // namespace belle::model
