#include "native/infer/kv_cache.h"

#include <algorithm>
#include <limits>
#include <string>

#include "native/core/checked.h"

namespace belle::infer {
namespace {

constexpr uint64_t kTooMuch = 1ull << 56;  // more than any machine has, small enough for 64 of them to add up

}  // namespace

uint64_t KvCache::bytes_per_slot(const model::DecoderConfig& c, DType dtype, int64_t rows) {
  const auto token =
      static_cast<uint64_t>(2 * c.num_hidden_layers * c.num_key_value_heads * c.head_dim) * dtype_size(dtype);
  uint64_t bytes = 0;
  return checked_mul(token, static_cast<uint64_t>(rows), &bytes) ? std::min(bytes, kTooMuch) : kTooMuch;
}

Result<KvCache> KvCache::create(const model::Model::State& state, int64_t slots, int64_t rows,
                                int64_t max_tokens) {
  const model::DecoderConfig& c = state.config;
  uint64_t last = 0;
  if (!checked_mul(static_cast<uint64_t>(slots), static_cast<uint64_t>(rows), &last) ||
      last > std::numeric_limits<int32_t>::max()) {
    return Status(StatusCode::invalid_argument, "a cache of " + std::to_string(slots) + " sequences of " +
                                                    std::to_string(rows) +
                                                    " tokens has too many rows; lower max_new_tokens");
  }
  KvCache cache;
  cache.dtype_ = state.dtype;
  cache.slots_ = slots;
  cache.rows_ = rows;
  cache.row_ = c.num_key_value_heads * c.head_dim;
  cache.layers_ = c.num_hidden_layers;
  const uint64_t bytes = static_cast<uint64_t>(slots) * bytes_per_slot(c, state.dtype, rows);
  auto memory = model::DeviceBuffer::allocate(state.backend, bytes);
  if (!memory.ok()) {
    return Status(memory.status().code(), "the key and value cache of " + std::to_string(slots) +
                                              " sequences of " + std::to_string(rows) + " tokens needs " +
                                              std::to_string(bytes) + " bytes (" + memory.status().message() +
                                              "); shorten the prompts or max_new_tokens");
  }
  cache.memory_ = memory.take();
  const size_t places = static_cast<size_t>(max_tokens) * sizeof(int32_t);
  BELLE_ASSIGN(cache.places_, model::DeviceBuffer::allocate(state.backend, places));
  return cache;
}

Status KvCache::place(const belle_backend& b, std::span<const int32_t> rows) const {
  return backend::from_c(b.write(b.context, places_.data(), rows.data(), rows.size_bytes()));
}

Status KvCache::append(const model::Pass& pass, int64_t layer) const {
  const model::DecoderConfig& c = pass.state.config;
  const belle_backend& b = *pass.state.backend;
  const model::QkvLayout at = model::qkv_layout(c);
  const void* qkv = pass.act.layers[static_cast<size_t>(layer)].qkv;
  const belle_cache_append_args args{.k = model::element(qkv, at.k, dtype_),
                                     .v = model::element(qkv, at.v, dtype_),
                                     .kv_stride = at.width,
                                     .kv_head_stride = at.head_stride,
                                     .tokens = pass.tokens,
                                     .rows = static_cast<const int32_t*>(places_.data()),
                                     .k_cache = k(layer),
                                     .v_cache = v(layer),
                                     .kv_heads = static_cast<int32_t>(c.num_key_value_heads),
                                     .head_dim = static_cast<int32_t>(c.head_dim),
                                     .type = pass.state.type()};
  return backend::from_c(b.cache_append(b.context, &args));
}

Status KvCache::move(const belle_backend& b, int64_t from, int64_t to, int64_t length) const {
  if (from == to) return {};
  const auto bytes = static_cast<size_t>(length * row_) * dtype_size(dtype_);
  for (int64_t layer = 0; layer < layers_; ++layer) {
    for (void* base : {k(layer), v(layer)}) {
      BELLE_TRY(backend::from_c(b.copy(b.context, model::element(base, to * rows_ * row_, dtype_),
                                       model::element(base, from * rows_ * row_, dtype_), bytes)));
    }
  }
  return {};
}

}  // namespace belle::infer
