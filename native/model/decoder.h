#pragma once
// The decoder's computation: forward written once for training, prefill and decoding; backward by hand. Both
// read a Model::State and work in the Activations of its workspace; they never look behind a device pointer.
#include <cstdint>
#include <functional>
#include <span>

#include "native/core/status.h"
#include "native/model/state.h"

namespace belle::model {

// The tokens of one pass: activations.ids and activations.positions hold them on the device.
struct Pass {
  const Model::State& state;
  const Activations& act;
  int64_t tokens;
  std::span<const int32_t> cu_seqlens;  // host; unused by decoding, which has its own attention
};

// Where each token's q, k and v lie in activations.qkv.
struct QkvLayout {
  int64_t width;        // elements of one token's row
  int64_t head_stride;  // between heads of q, and of k and v
  int64_t k, v;         // offsets from the row's start; q is at 0
};
QkvLayout qkv_layout(const DecoderConfig& config);

// Elements of one row of expanded: gate and up, or BLOOM's one matrix.
inline int64_t expanded_width(const DecoderConfig& c) {
  return c.gelu() ? c.intermediate_size : 2 * c.intermediate_size;
}

// Attention of one layer: reads layers[i].qkv, writes layers[i].attended.
using AttentionStep = std::function<Status(int64_t layer)>;

// ids -> activations.hidden [T, d], the final norm included.
Status forward_decoder(const Pass& pass, const AttentionStep& attention);
// Causal attention inside each document of cu_seqlens: the AttentionStep of training and prefill.
Status forward_attention(const Pass& pass, int64_t layer);
// layers[i].expanded -> layers[i].product [T, ff]
Status activate(const Pass& pass, int64_t layer);
// Again what forward_decoder computed between layers[i].x and the next layer's, up to what that layer's
// backward reads; with causal attention.
Status rerun_layer(const Pass& pass, int64_t layer);
// out[rows, V] float32 = hidden[rows, d] head^T
Status forward_logits(const Pass& pass, float* out, const void* hidden, int64_t rows);
// Cross-entropy of activations.hidden against activations.targets into activations.losses.
Status forward_losses(const Pass& pass);

// Gradients of grad_scale * sum of losses, after forward_decoder on a training workspace. Through every
// layer, whatever is frozen. activations.losses is written as by forward_losses.
Status backward_decoder(const Pass& pass, float grad_scale, const Gradients& gradients);

}  // namespace belle::model
