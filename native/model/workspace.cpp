#include "native/model/workspace.h"

#include <algorithm>

#include "native/core/checked.h"

namespace belle::model {
namespace {

// Rows of logits held at once. Fixed, because the order in which the head's gradient is summed depends on it.
constexpr int64_t kLogitRows = 256;

// Hands out 64-byte aligned pieces of one block; with a null base it only counts, up to UINT64_MAX, which no
// machine can allocate. One piece of checked sizes stays far below that, all layers of them need not.
class Planner {
 public:
  explicit Planner(void* base) : base_(static_cast<uint8_t*>(base)) {}
  template <class T = float>
  T* take(int64_t elements) {
    T* piece = base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + used_);
    const uint64_t bytes = (static_cast<uint64_t>(elements) * sizeof(T) + 63) / 64 * 64;
    if (!checked_add(used_, bytes, &used_)) used_ = UINT64_MAX;
    return piece;
  }
  uint64_t used() const { return used_; }

 private:
  uint8_t* base_;
  uint64_t used_ = 0;
};

LayerActivations plan_layer(const DecoderConfig& c, int64_t tokens, Planner& plan) {
  const int64_t width = (c.num_attention_heads + 2 * c.num_key_value_heads) * c.head_dim;
  LayerActivations layer;
  layer.attention_mean = c.layer_norm() ? plan.take(tokens) : nullptr;
  layer.attention_rstd = plan.take(tokens);
  layer.qkv = plan.take(tokens * width);
  layer.attended = plan.take(tokens * c.num_attention_heads * c.head_dim);
  layer.lse = plan.take(tokens * c.num_attention_heads);
  layer.x_middle = plan.take(tokens * c.hidden_size);
  layer.mlp_mean = c.layer_norm() ? plan.take(tokens) : nullptr;
  layer.mlp_rstd = plan.take(tokens);
  layer.gate = c.gelu() ? nullptr : plan.take(tokens * c.intermediate_size);
  layer.up = plan.take(tokens * c.intermediate_size);
  return layer;
}

Activations plan_all(const DecoderConfig& c, int64_t tokens, bool training, Planner& plan) {
  const int64_t d = c.hidden_size, ff = c.intermediate_size;
  Activations a;
  a.ids = plan.take<int32_t>(tokens);
  a.positions = plan.take<int32_t>(tokens);
  a.targets = plan.take<int32_t>(tokens);
  if (c.embedding_norm()) {
    a.embedded = plan.take(tokens * d);
    a.embedding_mean = plan.take(tokens);
    a.embedding_rstd = plan.take(tokens);
  }
  if (training) {
    for (int64_t i = 0; i < c.num_hidden_layers; ++i) {
      float* x = plan.take(tokens * d);
      a.layers.push_back(plan_layer(c, tokens, plan));
      a.layers.back().x = x;
    }
    a.x_last = plan.take(tokens * d);
  } else {  // every block works in the same buffers, its output over its input
    LayerActivations shared;
    a.x_last = plan.take(tokens * d);
    shared = plan_layer(c, tokens, plan);
    shared.x = a.x_last;
    a.layers.assign(static_cast<size_t>(c.num_hidden_layers), shared);
  }
  a.final_mean = c.layer_norm() ? plan.take(tokens) : nullptr;
  a.final_rstd = plan.take(tokens);
  a.hidden = plan.take(tokens * d);
  a.losses = plan.take(tokens);
  a.normed = plan.take(tokens * d);
  a.branch = plan.take(tokens * d);
  a.product = plan.take(tokens * ff);
  a.chunk_rows = std::min(tokens, kLogitRows);
  a.logits = plan.take(a.chunk_rows * c.vocab_size);
  if (training) {
    a.dx = plan.take(tokens * d);
    a.dnormed = plan.take(tokens * d);
    a.dqkv = plan.take(tokens * (c.num_attention_heads + 2 * c.num_key_value_heads) * c.head_dim);
    a.dattended = plan.take(tokens * c.num_attention_heads * c.head_dim);
    a.delta = plan.take(tokens * c.num_attention_heads);
    a.dproduct = plan.take(tokens * ff);
    a.dgate = c.gelu() ? nullptr : plan.take(tokens * ff);
    a.dup = plan.take(tokens * ff);
  }
  return a;
}

}  // namespace

uint64_t Workspace::planned_bytes(const DecoderConfig& config, int64_t tokens, bool training) {
  Planner counter(nullptr);
  plan_all(config, tokens, training, counter);
  return counter.used();
}

Result<std::unique_ptr<Workspace>> Workspace::create(std::shared_ptr<belle_backend> backend,
                                                     const DecoderConfig& config, int64_t tokens,
                                                     bool training) {
  const uint64_t bytes = planned_bytes(config, tokens, training);
  auto memory = DeviceBuffer::allocate(std::move(backend), bytes);
  if (!memory.ok()) {
    return Status(memory.status().code(), "the activations of " + std::to_string(tokens) + " tokens need " +
                                              std::to_string(bytes) + " bytes (" + memory.status().message() +
                                              "); lower the batch size or max_length");
  }
  std::unique_ptr<Workspace> workspace(new Workspace());
  workspace->tokens_ = tokens;
  workspace->training_ = training;
  workspace->memory_ = memory.take();
  Planner plan(workspace->memory_.data());
  workspace->activations_ = plan_all(config, tokens, training, plan);
  return workspace;
}

}  // namespace belle::model
