#include "native/infer/kv_cache.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "native/core/checked.h"

namespace belle::infer {
namespace {

constexpr uint64_t kTooMuch = 1ull << 56;  // more than any machine has, small enough for 64 of them to add up

Result<model::DeviceBuffer> head_rows(const model::Model::State& state, int64_t max_tokens, int64_t offset) {
  const model::DecoderConfig& c = state.config;
  const model::QkvLayout at = model::qkv_layout(c);
  std::vector<int32_t> rows;
  rows.reserve(static_cast<size_t>(max_tokens * c.num_key_value_heads));
  for (int64_t t = 0; t < max_tokens; ++t) {
    for (int64_t h = 0; h < c.num_key_value_heads; ++h) {
      rows.push_back(static_cast<int32_t>((t * at.width + offset + h * at.head_stride) / c.head_dim));
    }
  }
  const size_t bytes = rows.size() * sizeof(int32_t);
  BELLE_ASSIGN(model::DeviceBuffer buffer, model::DeviceBuffer::allocate(state.backend, bytes));
  BELLE_TRY(backend::from_c(state.backend->write(state.backend->context, buffer.data(), rows.data(), bytes)));
  return buffer;
}

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
  const model::QkvLayout at = model::qkv_layout(c);
  if (max_tokens > std::numeric_limits<int32_t>::max() / (at.width / c.head_dim)) {
    return Status(StatusCode::invalid_argument, "a prompt of " + std::to_string(max_tokens) +
                                                    " tokens is too long for one pass; cut it shorter");
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
  BELLE_ASSIGN(cache.k_rows_, head_rows(state, max_tokens, at.k));
  BELLE_ASSIGN(cache.v_rows_, head_rows(state, max_tokens, at.v));
  return cache;
}

Status KvCache::append(const model::Pass& pass, int64_t layer, int64_t first, int64_t count, int64_t slot,
                       int64_t at) const {
  const model::DecoderConfig& c = pass.state.config;
  const belle_backend& b = *pass.state.backend;
  const void* qkv = pass.act.layers[static_cast<size_t>(layer)].qkv;
  const int64_t to = (slot * rows_ + at) * row_, heads = c.num_key_value_heads;
  const auto gather = [&](void* cache, const model::DeviceBuffer& rows) {
    const int32_t* ids = static_cast<const int32_t*>(rows.data()) + first * heads;
    return backend::from_c(b.embedding(b.context, model::element(cache, to, dtype_), qkv, ids, count * heads,
                                       c.head_dim, pass.state.type()));
  };
  BELLE_TRY(gather(k(layer), k_rows_));
  return gather(v(layer), v_rows_);
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
