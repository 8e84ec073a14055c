#include "native/model/workspace.h"

#include <algorithm>

#include "native/backend/logit_rows.h"
#include "native/core/checked.h"

namespace belle::model {
namespace {

// Hands out 64-byte aligned pieces of one block; with a null base it only counts, up to UINT64_MAX, which no
// machine can allocate. One piece of checked sizes stays far below that, all layers of them need not.
class Planner {
 public:
  Planner(void* base, DType dtype) : base_(static_cast<uint8_t*>(base)), dtype_(dtype) {}
  template <class T>
  T* take(int64_t elements) {
    return static_cast<T*>(take_bytes(static_cast<uint64_t>(elements) * sizeof(T)));
  }
  float* floats(int64_t elements) { return take<float>(elements); }
  void* values(int64_t elements) { return take_bytes(static_cast<uint64_t>(elements) * dtype_size(dtype_)); }
  uint64_t used() const { return used_; }
  // Goes on at an earlier place (what lies behind it is not needed at the same time) or at a later one.
  void seek(uint64_t place) { used_ = place; }

 private:
  void* take_bytes(uint64_t bytes) {
    void* piece = base_ == nullptr ? nullptr : base_ + used_;
    if (!checked_add(used_, (bytes + 63) / 64 * 64, &used_)) used_ = UINT64_MAX;
    return piece;
  }
  uint8_t* base_;
  DType dtype_;
  uint64_t used_ = 0;
};

struct Plan {
  const DecoderConfig& c;
  const WorkspaceSpec& spec;
  const int64_t rows;  // of logits
  Planner& plan;

  const int64_t T = spec.tokens, d = c.hidden_size, ff = c.intermediate_size,
                heads_width = c.num_attention_heads * c.head_dim,
                qkv_width = (c.num_attention_heads + 2 * c.num_key_value_heads) * c.head_dim;
  const bool keep_layers = spec.training && spec.recompute != Recompute::layer;
  const bool keep_inputs = spec.training && spec.train_layers && spec.recompute != Recompute::selective;
  Activations a = {};

  void layer(LayerActivations& layer) const {
    layer.attention_mean = c.layer_norm() ? plan.floats(T) : nullptr;
    layer.attention_rstd = plan.floats(T);
    layer.qkv = plan.values(T * qkv_width);
    layer.attended = plan.values(T * heads_width);
    layer.lse = plan.floats(T * c.num_attention_heads);
    layer.x_middle = plan.values(T * d);
    layer.mlp_mean = c.layer_norm() ? plan.floats(T) : nullptr;
    layer.mlp_rstd = plan.floats(T);
    layer.expanded = plan.values(T * (c.gelu() ? ff : 2 * ff));
  }

  void saved() {
    a.ids = plan.take<int32_t>(T);
    a.positions = plan.take<int32_t>(T);
    a.targets = plan.take<int32_t>(T);
    if (c.embedding_norm()) {
      a.embedded = plan.values(T * d);
      a.embedding_mean = plan.floats(T);
      a.embedding_rstd = plan.floats(T);
    }
    a.layers.resize(static_cast<size_t>(c.num_hidden_layers));
    for (LayerActivations& own : a.layers) {
      if (spec.training) own.x = plan.values(T * d);
      if (!keep_layers) continue;
      layer(own);
      if (!keep_inputs) continue;
      own.attention_in = plan.values(T * d);
      own.mlp_in = plan.values(T * d);
      own.product = plan.values(T * ff);
    }
    a.inputs_kept = keep_inputs;
    a.layers_rerun = spec.training && !keep_layers;
    a.x_last = plan.values(T * d);
    a.final_mean = c.layer_norm() ? plan.floats(T) : nullptr;
    a.final_rstd = plan.floats(T);
    a.hidden = plan.values(T * d);
    a.losses = plan.floats(T);
  }

  void scratch() {
    if (spec.training) {
      a.dx = plan.values(T * d);
      a.dnormed = plan.values(T * d);
      a.dlora_hidden = plan.values(T * spec.lora_rank);
    }
    a.lora_hidden = plan.values(T * spec.lora_rank);
    LayerActivations shared;
    shared.x = a.x_last;  // forward only: every block works in the same buffers, its output over its input
    if (!keep_layers) layer(shared);
    const bool shared_inputs = !(keep_layers && keep_inputs);
    if (shared_inputs) {
      shared.attention_in = plan.values(T * d);
      shared.mlp_in = keep_inputs ? plan.values(T * d) : shared.attention_in;
    }
    // The two halves of a layer are not in backward at the same time.
    const uint64_t halves = plan.used();
    if (shared_inputs) shared.product = plan.values(T * ff);
    if (spec.training) a.dproduct = plan.values(T * ff);
    const uint64_t mlp = plan.used();
    if (spec.training) {
      plan.seek(halves);
      a.dqkv = plan.values(T * qkv_width);
      a.dattended = plan.values(T * heads_width);
      plan.seek(std::max(mlp, plan.used()));
    }
    for (LayerActivations& own : a.layers) {
      if (!keep_layers) {
        void* x = spec.training ? own.x : shared.x;
        own = shared;
        own.x = x;
      } else if (shared_inputs) {
        own.attention_in = shared.attention_in;
        own.mlp_in = shared.mlp_in;
        own.product = shared.product;
      }
    }
  }

  void logits(DType dtype) {
    a.chunk_rows = std::min((T + 15) / 16 * 16, rows);
    a.float_logit_rows =
        a.chunk_rows * static_cast<int64_t>(dtype_size(dtype)) / static_cast<int64_t>(sizeof(float));
    a.logits = plan.values(a.chunk_rows * backend::logit_width(c.vocab_size));
  }
};

WorkspaceBytes plan_all(const DecoderConfig& config, DType dtype, const WorkspaceSpec& spec,
                        backend::LogitRoom room, void* base, Activations* out) {
  Planner planner(base, dtype);
  Plan plan{config, spec,
            backend::logit_rows(config.vocab_size, static_cast<int64_t>(dtype_size(dtype)), room), planner};
  plan.saved();
  const uint64_t saved = planner.used();
  plan.scratch();
  const uint64_t scratch = planner.used();
  plan.logits(dtype);
  if (out != nullptr) *out = std::move(plan.a);
  return {saved, scratch - saved, planner.used() - scratch};
}

}  // namespace

WorkspaceBytes Workspace::plan(const DecoderConfig& config, DType dtype, const WorkspaceSpec& spec,
                               backend::LogitRoom room) {
  return plan_all(config, dtype, spec, room, nullptr, nullptr);
}

Result<std::unique_ptr<Workspace>> Workspace::create(std::shared_ptr<belle_backend> backend,
                                                     const DecoderConfig& config, DType dtype,
                                                     const WorkspaceSpec& spec) {
  const backend::LogitRoom room = backend::logit_room(backend->name);
  const uint64_t bytes = plan(config, dtype, spec, room).total();
  auto memory = DeviceBuffer::allocate(std::move(backend), bytes);
  if (!memory.ok()) {
    return Status(memory.status().code(), "the activations of " + std::to_string(spec.tokens) +
                                              " tokens need " + std::to_string(bytes) + " bytes (" +
                                              memory.status().message() +
                                              "); lower the batch size or max_length");
  }
  std::unique_ptr<Workspace> workspace(new Workspace());
  workspace->spec_ = spec;
  workspace->memory_ = memory.take();
  plan_all(config, dtype, spec, room, workspace->memory_.data(), &workspace->activations_);
  return workspace;
}

}  // namespace belle::model
