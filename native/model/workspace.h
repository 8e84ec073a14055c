#pragma once
// Workspace: the activations of one batch, planned from the config and a token count into a single allocation
// that every later batch of at most that many tokens reuses.
//
// Sizes below: T = tokens, d = hidden_size, H / KV = heads / kv heads, hd = head_dim, W = (H + 2 KV) hd, ff =
// intermediate_size, V = vocab_size. Row-major float32 unless said otherwise.
//
// Kept for backward per layer: the residual stream before each half, norm statistics, q/k/v, attention output
// and its log-sum-exp, gate and up. Norm outputs and activation products are computed again: memory for
// almost no FLOPs.
#include <cstdint>
#include <memory>
#include <vector>

#include "native/core/status.h"
#include "native/model/decoder_config.h"
#include "native/model/device_buffer.h"

namespace belle::model {

struct LayerActivations {
  float* x = nullptr;                                          // [T, d] entering the block
  float *attention_mean = nullptr, *attention_rstd = nullptr;  // [T] (mean: LayerNorm only)
  float* qkv = nullptr;                                        // [T, W], q and k rotated
  float* attended = nullptr;                                   // [T, H*hd]
  float* lse = nullptr;                                        // [H, T]
  float* x_middle = nullptr;                                   // [T, d] after the attention half
  float *mlp_mean = nullptr, *mlp_rstd = nullptr;              // [T]
  float *gate = nullptr, *up = nullptr;                        // [T, ff] (gate: SwiGLU only)
};

struct Activations {
  int32_t *ids = nullptr, *positions = nullptr, *targets = nullptr;  // [T] int32
  float* embedded = nullptr;                                   // [T, d] before the embedding norm (BLOOM)
  float *embedding_mean = nullptr, *embedding_rstd = nullptr;  // [T]
  std::vector<LayerActivations> layers;
  float* x_last = nullptr;                             // [T, d] leaving the last block
  float *final_mean = nullptr, *final_rstd = nullptr;  // [T]
  float* hidden = nullptr;                             // [T, d] after the final norm
  float* losses = nullptr;                             // [T]
  float* normed = nullptr;                             // scratch [T, d]
  float* branch = nullptr;                             // scratch [T, d]
  float* product = nullptr;                            // scratch [T, ff]
  float* logits = nullptr;                             // scratch [chunk_rows, V]
  int64_t chunk_rows = 0;
  // Training only.
  float *dx = nullptr, *dnormed = nullptr;                      // [T, d]
  float* dqkv = nullptr;                                        // [T, W]
  float* dattended = nullptr;                                   // [T, H*hd]
  float* delta = nullptr;                                       // [H, T]
  float *dproduct = nullptr, *dgate = nullptr, *dup = nullptr;  // [T, ff]
};

class Workspace {
 public:
  static uint64_t planned_bytes(const DecoderConfig& config, int64_t tokens, bool training);
  // out_of_memory names the bytes, the tokens and what to lower.
  static Result<std::unique_ptr<Workspace>> create(std::shared_ptr<belle_backend> backend,
                                                   const DecoderConfig& config, int64_t tokens,
                                                   bool training);

  int64_t tokens() const { return tokens_; }
  bool training() const { return training_; }
  uint64_t bytes() const { return memory_.bytes(); }
  const Activations& activations() const { return activations_; }

 private:
  Workspace() = default;
  int64_t tokens_ = 0;
  bool training_ = false;
  DeviceBuffer memory_;
  Activations activations_;
};

}  // namespace belle::model
