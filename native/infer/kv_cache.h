#pragma once
// KvCache: keys and values of the sequences that are being generated, one allocation planned before the first
// token. Per layer: k then v, each [slots * rows, kv_heads, head_dim] of the model's dtype; slot s owns rows
// [s*rows, (s+1)*rows).
#include <cstdint>
#include <memory>

#include "native/core/status.h"
#include "native/model/decoder.h"
#include "native/model/device_buffer.h"

namespace belle::infer {

class KvCache {
 public:
  static uint64_t bytes_per_slot(const model::DecoderConfig& config, DType dtype, int64_t rows);
  // max_tokens: the most tokens of one pass.
  static Result<KvCache> create(const model::Model::State& state, int64_t slots, int64_t rows,
                                int64_t max_tokens);

  // Copies k and v of tokens [first, first + count) of the pass behind row `at` of `slot`.
  Status append(const model::Pass& pass, int64_t layer, int64_t first, int64_t count, int64_t slot,
                int64_t at) const;
  // Moves the first `length` rows of a slot, all layers.
  Status move(const belle_backend& backend, int64_t from, int64_t to, int64_t length) const;

  int64_t rows() const { return rows_; }
  void* k(int64_t layer) const {
    return model::element(memory_.data(), 2 * layer * layer_elements(), dtype_);
  }
  void* v(int64_t layer) const { return model::element(k(layer), layer_elements(), dtype_); }

 private:
  KvCache() = default;
  int64_t layer_elements() const { return slots_ * rows_ * row_; }
  int64_t slots_ = 0, rows_ = 0, row_ = 0, layers_ = 0;  // row_: elements of one token's k
  DType dtype_ = DType::f32;
  model::DeviceBuffer memory_;
  // Where each head of each token lies in activations.qkv, seen as a table of head_dim-wide rows: the
  // embedding op gathers them, which turns BLOOM's interleaved [head][q|k|v] and LLaMA's [q][k][v] alike into
  // dense cache rows.
  model::DeviceBuffer k_rows_, v_rows_;  // int32 [max_tokens, kv_heads]
};

}  // namespace belle::infer
