#pragma once
// Workspace: the activations of one pass, planned from the config and a WorkspaceSpec into a single
// allocation that every later pass of at most that many tokens reuses.
//
// Sizes below: T = tokens, d = hidden_size, H / KV = heads / kv heads, hd = head_dim, W = (H + 2 KV) hd, ff =
// intermediate_size, E = 2 ff with SwiGLU (each row: gate, then up), ff with GELU, V = vocab_size, R =
// lora_rank. Row-major; void* is the model's dtype.
#include <cstdint>
#include <memory>
#include <vector>

#include "native/backend/logit_rows.h"
#include "native/core/dtype.h"
#include "native/core/status.h"
#include "native/model/decoder_config.h"
#include "native/model/device_buffer.h"
#include "native/model/model.h"

namespace belle::model {

// Every layer has x of its own for training; which of the others are its own, kept until its backward, and
// which are shared by all layers is Recompute's matter.
struct LayerActivations {
  void* x = nullptr;                                           // [T, d] entering the block
  float *attention_mean = nullptr, *attention_rstd = nullptr;  // [T] (mean: LayerNorm only)
  void* attention_in = nullptr;                                // [T, d] the norm's output
  void* qkv = nullptr;                                         // [T, W], q and k rotated
  void* attended = nullptr;                                    // [T, H*hd]
  float* lse = nullptr;                                        // [H, T]
  void* x_middle = nullptr;                                    // [T, d] after the attention half
  float *mlp_mean = nullptr, *mlp_rstd = nullptr;              // [T]
  void* mlp_in = nullptr;                                      // [T, d] the norm's output
  void* expanded = nullptr;                                    // [T, E]; backward: its gradient with SwiGLU
  void* product = nullptr;                                     // [T, ff]; backward: dexpanded with GELU
};

struct Activations {
  int32_t *ids = nullptr, *positions = nullptr, *targets = nullptr;  // [T] int32
  void* embedded = nullptr;                                    // [T, d] before the embedding norm (BLOOM)
  float *embedding_mean = nullptr, *embedding_rstd = nullptr;  // [T]
  std::vector<LayerActivations> layers;
  bool inputs_kept = false;   // attention_in, mlp_in and product are still there in a layer's backward
  bool layers_rerun = false;  // a layer is run again before its backward
  void* x_last = nullptr;     // [T, d] leaving the last block
  float *final_mean = nullptr, *final_rstd = nullptr;  // [T]
  void* hidden = nullptr;                              // [T, d] after the final norm
  float* losses = nullptr;                             // [T]
  void* logits = nullptr;                              // scratch [chunk_rows, V]
  int64_t chunk_rows = 0;                              // rows of the model's dtype
  int64_t float_logit_rows = 0;                        // float32 rows that fit there
  void* lora_hidden = nullptr;                         // [T, R] x A^T of the running matrix
  // Training only.
  void *dx = nullptr, *dnormed = nullptr;  // [T, d]
  void* dqkv = nullptr;                    // [T, W]
  void* dattended = nullptr;               // [T, H*hd]
  void* dproduct = nullptr;                // [T, ff]
  void* dlora_hidden = nullptr;            // [T, R]
};

struct WorkspaceBytes {
  uint64_t saved = 0;    // from a layer's forward to its backward, and what belongs to no layer
  uint64_t scratch = 0;  // used by one layer after the other
  uint64_t logits = 0;
  uint64_t total() const { return saved + scratch + logits; }
};

class Workspace {
 public:
  // UINT64_MAX altogether when the sizes pass 64 bits.
  static WorkspaceBytes plan(const DecoderConfig& config, DType dtype, const WorkspaceSpec& spec,
                             backend::LogitRoom room);
  // out_of_memory names the bytes, the tokens and what to lower.
  static Result<std::unique_ptr<Workspace>> create(std::shared_ptr<belle_backend> backend,
                                                   const DecoderConfig& config, DType dtype,
                                                   const WorkspaceSpec& spec);

  const WorkspaceSpec& spec() const { return spec_; }
  uint64_t bytes() const { return memory_.bytes(); }
  const Activations& activations() const { return activations_; }

 private:
  Workspace() = default;
  WorkspaceSpec spec_;
  DeviceBuffer memory_;
  Activations activations_;
};

}  // namespace belle::model
