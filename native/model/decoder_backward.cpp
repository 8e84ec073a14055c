// Backward of the decoder, each step the transpose of the one of the same name in decoder_forward.cpp. `dx`
// is the gradient of the residual stream, carried from the last block to the embedding; a branch adds its
// part to it.
#include "native/model/attention_args.h"
#include "native/model/decoder.h"
#include "native/model/linear.h"
#include "native/model/norm.h"

namespace belle::model {
namespace {

struct Backward {
  const Pass& pass;
  float grad_scale;
  float* gradients;  // parameter offsets
  bool embeddings_only;

  const Model::State& s = pass.state;
  const belle_backend& b = *s.backend;
  const DecoderConfig& c = s.config;
  const Activations& act = pass.act;
  const int64_t T = pass.tokens, d = c.hidden_size, ff = c.intermediate_size;

  const LayerOffsets& offsets(int64_t layer) const { return s.map.layers[static_cast<size_t>(layer)]; }
  const LayerActivations& saved(int64_t layer) const { return act.layers[static_cast<size_t>(layer)]; }
  float* gradient(int64_t offset) const { return offset < 0 ? nullptr : gradients + offset; }
  float* norm_gradients() const { return embeddings_only ? nullptr : gradients; }

  // dW += dy^T x and db += sum(dy), unless only the embeddings are trained
  Status weight_gradient(int64_t weight, int64_t bias, const float* dy, const float* x, int64_t out,
                         int64_t in) const {
    if (embeddings_only) return {};
    return linear_backward_weight(b, gradient(weight), gradient(bias), dy, x, T, out, in);
  }

  // losses, dhead and dhidden [T, d] -> dx = gradient at x_last
  Status loss() const {
    belle_linear_cross_entropy_args args{};
    args.rows = T;
    args.d = d;
    args.vocab = c.vocab_size;
    args.hidden = act.hidden;
    args.head = s.weight(s.map.head);
    args.targets = act.targets;
    args.losses = act.losses;
    args.dhidden = act.dnormed;
    args.dhead = gradient(s.map.head);  // the embedding's own gradient when tied
    args.accumulate = 1;
    args.grad_scale = grad_scale;
    args.logits_scratch = act.logits;
    args.chunk_rows = act.chunk_rows;
    args.type = BELLE_F32;
    BELLE_TRY(backend::from_c(b.linear_cross_entropy(b.context, &args)));
    return norm_backward(pass, final_norm(pass), act.dx, norm_gradients(), act.dnormed, act.x_last);
  }

  // dx += norm^T(dnormed) at x
  Status add_norm_backward(const NormSite& at, const float* x) const {
    BELLE_TRY(norm_backward(pass, at, act.branch, norm_gradients(), act.dnormed, x));
    return backend::from_c(b.add(b.context, act.dx, act.dx, act.branch, T * d, BELLE_F32));
  }

  Status mlp(int64_t layer) const {
    const LayerOffsets& at = offsets(layer);
    const LayerActivations& a = saved(layer);
    const int64_t n = T * ff;
    // dproduct [T, ff] = dx Wdown
    BELLE_TRY(linear_backward_input(b, act.dproduct, act.dx, s.weight(at.down), T, d, ff, false));
    if (!embeddings_only) {  // product and normed again, as forward made them
      BELLE_TRY(backend::from_c(c.gelu()
                                    ? b.gelu_tanh(b.context, act.product, a.up, n, BELLE_F32)
                                    : b.swiglu(b.context, act.product, a.gate, a.up, T, ff, ff, BELLE_F32)));
      BELLE_TRY(norm(pass, mlp_norm(at, a), act.normed, a.x_middle));
      BELLE_TRY(weight_gradient(at.down, at.down_bias, act.dx, act.product, d, ff));
    }
    // dup, dgate [T, ff], then dnormed [T, d] = dup Wup + dgate Wgate
    if (c.gelu()) {
      BELLE_TRY(backend::from_c(b.gelu_tanh_backward(b.context, act.dup, act.dproduct, a.up, n, BELLE_F32)));
    } else {
      BELLE_TRY(backend::from_c(b.swiglu_backward(b.context, act.dgate, act.dup, act.dproduct, a.gate, a.up,
                                                  T, ff, ff, BELLE_F32)));
    }
    BELLE_TRY(linear_backward_input(b, act.dnormed, act.dup, s.weight(at.up), T, ff, d, false));
    BELLE_TRY(weight_gradient(at.up, at.up_bias, act.dup, act.normed, ff, d));
    if (!c.gelu()) {
      BELLE_TRY(linear_backward_input(b, act.dnormed, act.dgate, s.weight(at.gate), T, ff, d, true));
      BELLE_TRY(weight_gradient(at.gate, -1, act.dgate, act.normed, ff, d));
    }
    return add_norm_backward(mlp_norm(at, a), a.x_middle);
  }

  Status attention(int64_t layer) const {
    const LayerOffsets& at = offsets(layer);
    const LayerActivations& a = saved(layer);
    const QkvLayout qkv = qkv_layout(c);
    const int64_t heads_width = c.num_attention_heads * c.head_dim;
    // dattended [T, H*hd] = dx Wo
    BELLE_TRY(linear_backward_input(b, act.dattended, act.dx, s.weight(at.attention_out), T, d, heads_width,
                                    false));
    BELLE_TRY(weight_gradient(at.attention_out, at.attention_out_bias, act.dx, a.attended, d, heads_width));
    // dqkv [T, W], laid out as qkv
    belle_attention_backward_args args{};
    args.forward = attention_args(pass, layer);
    args.dout = act.dattended;
    args.dq = act.dqkv;
    args.dk = act.dqkv + qkv.k;
    args.dv = act.dqkv + qkv.v;
    args.delta = act.delta;
    BELLE_TRY(backend::from_c(b.attention_backward(b.context, &args)));
    if (!c.alibi()) {  // the rotation's transpose is the rotation back
      BELLE_TRY(backend::from_c(b.rope(b.context, act.dqkv, act.positions, T,
                                       static_cast<int32_t>(c.num_attention_heads + c.num_key_value_heads),
                                       static_cast<int32_t>(c.head_dim), qkv.width, qkv.head_stride,
                                       c.rope_theta, 1, BELLE_F32)));
    }
    // dnormed [T, d] = dqkv Wqkv
    BELLE_TRY(linear_backward_input(b, act.dnormed, act.dqkv, s.weight(at.qkv), T, qkv.width, d, false));
    if (!embeddings_only) {
      BELLE_TRY(norm(pass, attention_norm(at, a), act.normed, a.x));
      BELLE_TRY(weight_gradient(at.qkv, at.qkv_bias, act.dqkv, act.normed, qkv.width, d));
    }
    return add_norm_backward(attention_norm(at, a), a.x);
  }

  // dx at layers[0].x -> gradient of the embedding rows
  Status embedding() const {
    const float* drows = act.dx;
    if (c.embedding_norm()) {
      BELLE_TRY(
          norm_backward(pass, embedding_norm(pass), act.branch, norm_gradients(), act.dx, act.embedded));
      drows = act.branch;
    }
    return backend::from_c(b.embedding_backward(b.context, gradient(s.map.embedding), drows, act.ids, T, d,
                                                c.vocab_size, BELLE_F32));
  }
};

}  // namespace

Status backward_decoder(const Pass& pass, float grad_scale, float* gradients, bool embeddings_only) {
  const Backward backward{pass, grad_scale, gradients, embeddings_only};
  BELLE_TRY(backward.loss());
  for (int64_t layer = pass.state.config.num_hidden_layers - 1; layer >= 0; --layer) {
    BELLE_TRY(backward.mlp(layer));
    BELLE_TRY(backward.attention(layer));
  }
  return backward.embedding();
}

}  // namespace belle::model
