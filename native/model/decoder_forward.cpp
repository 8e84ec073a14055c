#include "native/model/attention_args.h"
#include "native/model/decoder.h"
#include "native/model/linear.h"
#include "native/model/lora_linear.h"
#include "native/model/norm.h"

namespace belle::model {
namespace {

// ids -> layers[0].x [T, d]
Status embed(const Pass& pass) {
  const Model::State& s = pass.state;
  const belle_backend& b = *s.backend;
  const Activations& act = pass.act;
  void* x = act.layers.front().x;
  void* looked_up = s.config.embedding_norm() ? act.embedded : x;
  BELLE_TRY(backend::from_c(b.embedding(b.context, looked_up, s.weight(s.map.embedding), act.ids, pass.tokens,
                                        s.config.hidden_size, s.type())));
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
  BELLE_TRY(norm(pass, attention_norm(at, a), a.attention_in, a.x));
  BELLE_TRY(linear(b, {pass.tokens, qkv.width, c.hidden_size, s.type()}, a.qkv, a.attention_in,
                   s.weight(at.qkv), s.weight(at.qkv_bias)));
  BELLE_TRY(lora_forward(pass, lora_of(pass, layer).qkv, a.qkv, a.attention_in));
  if (c.alibi()) return {};
  // k's heads follow q's at the same stride: one call turns both
  return backend::from_c(b.rope(b.context, a.qkv, pass.act.positions, pass.tokens,
                                static_cast<int32_t>(c.num_attention_heads + c.num_key_value_heads),
                                static_cast<int32_t>(c.head_dim), qkv.width, qkv.head_stride, c.rope_theta, 0,
                                s.type()));
}

// x_middle = x + attended Wo^T (+ bias)
Status add_attention(const Pass& pass, int64_t layer) {
  const Model::State& s = pass.state;
  const DecoderConfig& c = s.config;
  const LayerOffsets& at = s.map.layers[static_cast<size_t>(layer)];
  const LayerActivations& a = pass.act.layers[static_cast<size_t>(layer)];
  BELLE_TRY(linear(*s.backend, {pass.tokens, c.hidden_size, c.num_attention_heads * c.head_dim, s.type()},
                   a.x_middle, a.attended, s.weight(at.attention_out), s.weight(at.attention_out_bias), a.x));
  return lora_forward(pass, lora_of(pass, layer).attention_out, a.x_middle, a.attended);
}

// layers[i].x_middle -> expanded [T, E]
Status expand(const Pass& pass, int64_t layer) {
  const Model::State& s = pass.state;
  const LayerOffsets& at = s.map.layers[static_cast<size_t>(layer)];
  const LayerActivations& a = pass.act.layers[static_cast<size_t>(layer)];
  BELLE_TRY(norm(pass, mlp_norm(at, a), a.mlp_in, a.x_middle));
  BELLE_TRY(linear(*s.backend, {pass.tokens, expanded_width(s.config), s.config.hidden_size, s.type()},
                   a.expanded, a.mlp_in, s.weight(at.expand), s.weight(at.expand_bias)));
  return lora_forward(pass, lora_of(pass, layer).expand, a.expanded, a.mlp_in);
}

// next = x_middle + product Wdown^T (+ bias)
Status add_mlp(const Pass& pass, int64_t layer, void* next) {
  const Model::State& s = pass.state;
  const LayerOffsets& at = s.map.layers[static_cast<size_t>(layer)];
  const LayerActivations& a = pass.act.layers[static_cast<size_t>(layer)];
  BELLE_TRY(linear(*s.backend, {pass.tokens, s.config.hidden_size, s.config.intermediate_size, s.type()},
                   next, a.product, s.weight(at.down), s.weight(at.down_bias), a.x_middle));
  return lora_forward(pass, lora_of(pass, layer).down, next, a.product);
}

}  // namespace

QkvLayout qkv_layout(const DecoderConfig& c) {
  const int64_t width = (c.num_attention_heads + 2 * c.num_key_value_heads) * c.head_dim;
  if (c.fused_qkv()) return {width, 3 * c.head_dim, c.head_dim, 2 * c.head_dim};  // [head][q|k|v][hd]
  return {width, c.head_dim, c.num_attention_heads * c.head_dim,
          (c.num_attention_heads + c.num_key_value_heads) * c.head_dim};  // [q heads][k heads][v heads]
}

Status activate(const Pass& pass, int64_t layer) {
  const Model::State& s = pass.state;
  const belle_backend& b = *s.backend;
  const LayerActivations& a = pass.act.layers[static_cast<size_t>(layer)];
  const int64_t ff = s.config.intermediate_size;
  return backend::from_c(s.config.gelu()
                             ? b.gelu_tanh(b.context, a.product, a.expanded, pass.tokens * ff, s.type())
                             : b.swiglu(b.context, a.product, a.expanded, element(a.expanded, ff, s.dtype),
                                        pass.tokens, ff, 2 * ff, s.type()));
}

Status forward_decoder(const Pass& pass, const AttentionStep& attention) {
  const Activations& act = pass.act;
  const int64_t layers = pass.state.config.num_hidden_layers;
  BELLE_TRY(embed(pass));
  for (int64_t i = 0; i < layers; ++i) {
    void* next = i + 1 < layers ? act.layers[static_cast<size_t>(i) + 1].x : act.x_last;
    BELLE_TRY(project_qkv(pass, i));
    BELLE_TRY(attention(i));
    BELLE_TRY(add_attention(pass, i));
    BELLE_TRY(expand(pass, i));
    BELLE_TRY(activate(pass, i));
    BELLE_TRY(add_mlp(pass, i, next));
  }
  return norm(pass, final_norm(pass), act.hidden, act.x_last);
}

Status forward_attention(const Pass& pass, int64_t layer) {
  const belle_backend& b = *pass.state.backend;
  const belle_attention_args args = attention_args(pass, layer);
  return backend::from_c(b.attention(b.context, &args));
}

Status rerun_layer(const Pass& pass, int64_t layer) {
  BELLE_TRY(project_qkv(pass, layer));
  BELLE_TRY(forward_attention(pass, layer));
  BELLE_TRY(add_attention(pass, layer));
  BELLE_TRY(expand(pass, layer));
  return pass.act.inputs_kept ? activate(pass, layer) : Status();
}

Status forward_logits(const Pass& pass, float* out, const void* hidden, int64_t rows) {
  const Model::State& s = pass.state;
  return linear(*s.backend, {rows, s.config.vocab_size, s.config.hidden_size, s.type()}, out, hidden,
                s.weight(s.map.head), nullptr, nullptr, BELLE_F32);
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
  args.type = s.type();
  args.supervised = &s.prepared.supervised_tokens;
  return backend::from_c(b.linear_cross_entropy(b.context, &args));
}

}  // namespace belle::model
