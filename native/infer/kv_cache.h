#pragma once
// KvCache: keys and values of the sequences that are being generated, one allocation planned before the first
// token. Per layer: k then v, each [slots * rows, kv_heads, head_dim] of the model's dtype; slot s owns rows
// [s*rows, (s+1)*rows).
#include <cstdint>
#include <memory>
#include <span>

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

  // The row of a sequence's token: what `place` takes.
  int32_t row_of(int64_t slot, int64_t position) const {
    return static_cast<int32_t>(slot * rows_ + position);
  }
  // Where the tokens of the next pass go.
  Status place(const belle_backend& backend, std::span<const int32_t> rows) const;
  // k and v of all tokens of the pass to where they were placed.
  Status append(const model::Pass& pass, int64_t layer) const;
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
  model::DeviceBuffer places_;  // int32 [max_tokens]: rows of the running pass
};

}  // namespace belle::infer
