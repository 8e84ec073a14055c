// Backward of the decoder, each step the transpose of the one of the same name in decoder_forward.cpp. `dx`
// is the gradient of the residual stream, carried from the last block to the embedding; the norm that begins
// a branch adds that branch's part to it.
#include "native/model/attention_args.h"
#include "native/model/decoder.h"
#include "native/model/linear.h"
#include "native/model/lora_linear.h"
#include "native/model/norm.h"

namespace belle::model {
namespace {

struct Backward {
  const Pass& pass;
  float grad_scale;
  const Gradients& gradients;

  const Model::State& s = pass.state;
  const belle_backend& b = *s.backend;
  const DecoderConfig& c = s.config;
  const Activations& act = pass.act;
  const int64_t T = pass.tokens, d = c.hidden_size, ff = c.intermediate_size;
  const int32_t type = s.type();

  const LayerOffsets& offsets(int64_t layer) const { return s.map.layers[static_cast<size_t>(layer)]; }
  const LayerActivations& saved(int64_t layer) const { return act.layers[static_cast<size_t>(layer)]; }

  // Only what the ops below cannot overwrite: norms, biases and the rows of the input embedding. A tied one
  // is written whole by the loss.
  Status begin() const {
    if (!gradients.overwrite) return {};
    for (const Parameter& parameter : s.map.parameters) {
      float* gradient = gradients.at(parameter.offset);
      const bool looked_up = parameter.offset == s.map.embedding && s.map.head != s.map.embedding;
      if (gradient == nullptr || (parameter.shape.size() > 1 && !looked_up)) continue;
      const auto bytes = static_cast<size_t>(parameter.elements) * sizeof(float);
      BELLE_TRY(backend::from_c(b.zero(b.context, gradient, bytes)));
    }
    return {};
  }

  // dW and db of a matrix that is not frozen
  Status weight_gradient(int64_t weight, int64_t bias, const void* dy, const void* x, int64_t out,
                         int64_t in) const {
    float* dw = gradients.at(weight);
    if (dw == nullptr) return {};
    return linear_backward_weight(b, {T, out, in, type}, dw, gradients.at(bias), dy, x, gradients.overwrite);
  }

  // The inputs of a matrix are needed again: for its own gradient, or for its adapters'.
  bool trains(int64_t weight, const LoraGroup& lora) const {
    return gradients.at(weight) != nullptr || lora_trained(gradients, lora);
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
    args.dhead = gradients.at(s.map.head);  // the embedding's own gradient when tied
    args.accumulate = gradients.overwrite ? 0 : 1;
    args.grad_scale = grad_scale;
    args.logits_scratch = act.logits;
    args.chunk_rows = act.chunk_rows;
    args.type = type;
    args.supervised = &s.prepared.supervised_tokens;
    BELLE_TRY(backend::from_c(b.linear_cross_entropy(b.context, &args)));
    return norm_backward(pass, final_norm(pass), act.dx, gradients, act.dnormed, act.x_last, nullptr);
  }

  Status mlp(int64_t layer) const {
    const LayerOffsets& at = offsets(layer);
    const LayerActivations& a = saved(layer);
    const LoraLayer& lora = lora_of(pass, layer);
    const int64_t width = expanded_width(c);
    // dproduct [T, ff] = dx Wdown
    BELLE_TRY(linear_backward_input(b, {T, d, ff, type}, act.dproduct, act.dx, s.weight(at.down)));
    if (!act.inputs_kept && trains(at.down, lora.down)) BELLE_TRY(activate(pass, layer));  // as forward did
    BELLE_TRY(weight_gradient(at.down, at.down_bias, act.dx, a.product, d, ff));
    BELLE_TRY(lora_backward(pass, gradients, lora.down, act.dproduct, act.dx, a.product));
    // dexpanded [T, E], in the place of what is not needed any more
    void* dexpanded = c.gelu() ? a.product : a.expanded;
    void* up = element(a.expanded, ff, s.dtype);
    BELLE_TRY(backend::from_c(
        c.gelu()
            ? b.gelu_tanh_backward(b.context, dexpanded, act.dproduct, a.expanded, T * ff, type)
            : b.swiglu_backward(b.context, dexpanded, up, act.dproduct, a.expanded, up, T, ff, width, type)));
    // dnormed [T, d] = dexpanded Wexpand
    BELLE_TRY(linear_backward_input(b, {T, width, d, type}, act.dnormed, dexpanded, s.weight(at.expand)));
    if (!act.inputs_kept && trains(at.expand, lora.expand)) {
      BELLE_TRY(norm(pass, mlp_norm(at, a), a.mlp_in, a.x_middle));
    }
    BELLE_TRY(weight_gradient(at.expand, at.expand_bias, dexpanded, a.mlp_in, width, d));
    BELLE_TRY(lora_backward(pass, gradients, lora.expand, act.dnormed, dexpanded, a.mlp_in));
    return norm_backward(pass, mlp_norm(at, a), act.dx, gradients, act.dnormed, a.x_middle, act.dx);
  }

  Status attention(int64_t layer) const {
    const LayerOffsets& at = offsets(layer);
    const LayerActivations& a = saved(layer);
    const LoraLayer& lora = lora_of(pass, layer);
    const QkvLayout qkv = qkv_layout(c);
    const int64_t heads_width = c.num_attention_heads * c.head_dim;
    // dattended [T, H*hd] = dx Wo
    BELLE_TRY(linear_backward_input(b, {T, d, heads_width, type}, act.dattended, act.dx,
                                    s.weight(at.attention_out)));
    BELLE_TRY(weight_gradient(at.attention_out, at.attention_out_bias, act.dx, a.attended, d, heads_width));
    BELLE_TRY(lora_backward(pass, gradients, lora.attention_out, act.dattended, act.dx, a.attended));
    // dqkv [T, W], laid out as qkv
    belle_attention_backward_args args{};
    args.forward = attention_args(pass, layer);
    args.dout = act.dattended;
    args.dq = act.dqkv;
    args.dk = element(act.dqkv, qkv.k, s.dtype);
    args.dv = element(act.dqkv, qkv.v, s.dtype);
    BELLE_TRY(backend::from_c(b.attention_backward(b.context, &args)));
    if (!c.alibi()) {  // the rotation's transpose is the rotation back
      BELLE_TRY(backend::from_c(b.rope(b.context, act.dqkv, act.positions, T,
                                       static_cast<int32_t>(c.num_attention_heads + c.num_key_value_heads),
                                       static_cast<int32_t>(c.head_dim), qkv.width, qkv.head_stride,
                                       c.rope_theta, 1, type)));
    }
    // dnormed [T, d] = dqkv Wqkv
    BELLE_TRY(linear_backward_input(b, {T, qkv.width, d, type}, act.dnormed, act.dqkv, s.weight(at.qkv)));
    if (!act.inputs_kept && trains(at.qkv, lora.qkv)) {
      BELLE_TRY(norm(pass, attention_norm(at, a), a.attention_in, a.x));
    }
    BELLE_TRY(weight_gradient(at.qkv, at.qkv_bias, act.dqkv, a.attention_in, qkv.width, d));
    BELLE_TRY(lora_backward(pass, gradients, lora.qkv, act.dnormed, act.dqkv, a.attention_in));
    return norm_backward(pass, attention_norm(at, a), act.dx, gradients, act.dnormed, a.x, act.dx);
  }

  // dx at layers[0].x -> gradient of the embedding rows
  Status embedding() const {
    const void* drows = act.dx;
    if (c.embedding_norm()) {
      BELLE_TRY(
          norm_backward(pass, embedding_norm(pass), act.dnormed, gradients, act.dx, act.embedded, nullptr));
      drows = act.dnormed;
    }
    float* dtable = gradients.at(s.map.embedding);
    if (dtable == nullptr) return {};
    return backend::from_c(b.embedding_backward(b.context, dtable, drows, act.ids, T, d, c.vocab_size, type));
  }
};

}  // namespace

Status backward_decoder(const Pass& pass, float grad_scale, const Gradients& gradients) {
  const Backward backward{pass, grad_scale, gradients};
  const int64_t last = pass.state.config.num_hidden_layers - 1;
  BELLE_TRY(backward.begin());
  BELLE_TRY(backward.loss());
  for (int64_t layer = last; layer >= 0; --layer) {
    // The shared buffers still hold the last layer as forward left it.
    if (pass.act.layers_rerun && layer != last) BELLE_TRY(rerun_layer(pass, layer));
    BELLE_TRY(backward.mlp(layer));
    BELLE_TRY(backward.attention(layer));
  }
  return backward.embedding();
}

}  // namespace belle::model
