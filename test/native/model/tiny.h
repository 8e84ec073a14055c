#pragma once
// Tiny models that need no files.
#include <memory>
#include <vector>

#include "native/core/philox.h"
#include "native/model/model.h"
#include "test/native/backend_name.h"
#include "test/native/check.h"

namespace belle::test {

// By value, so that CHECK_EQ may hold it after the Status is gone.
inline std::string message_of(const Status& status) { return status.message(); }
template <class T>
std::string message_of(const Result<T>& result) {
  return result.status().message();
}

inline model::DecoderConfig tiny_llama(bool tied = false) {
  model::DecoderConfig c;
  c.vocab_size = 37;
  c.hidden_size = 24;
  c.intermediate_size = 40;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 4;
  c.num_key_value_heads = 2;
  c.head_dim = 6;
  c.max_position_embeddings = 32;
  c.initializer_range = 0.3f;
  c.tie_word_embeddings = tied;
  c.bos_token_id = 1;
  c.eos_token_ids = {2};
  return c;
}

inline model::DecoderConfig tiny_bloom() {
  model::DecoderConfig c;
  c.family = model::Family::bloom;
  c.vocab_size = 41;
  c.hidden_size = 24;
  c.intermediate_size = 96;
  c.num_hidden_layers = 2;
  c.num_attention_heads = c.num_key_value_heads = 6;  // off the power of two
  c.head_dim = 4;
  c.norm_eps = 1e-5f;
  c.initializer_range = 0.3f;
  c.tie_word_embeddings = true;
  c.bos_token_id = 1;
  c.pad_token_id = 3;
  c.eos_token_ids = {2};
  return c;
}

// Norms and biases are moved away from 1 and 0, so that a gradient that forgets them shows.
inline std::unique_ptr<model::Model> make_tiny(const model::DecoderConfig& config, uint64_t seed = 7,
                                               DType dtype = DType::f32) {
  auto created =
      model::Model::create(config, seed, {.backend = test::backend_name(), .threads = 0, .dtype = dtype});
  CHECK_OK(created.status());
  if (!created.ok()) std::abort();
  auto model = created.take();
  const Philox random(seed, RngStream::test);
  for (const model::Parameter& p : model->parameters()) {
    if (p.shape.size() != 1) continue;
    auto values = model->read_parameter(p).take();
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] += static_cast<float>(0.2 * random.normal(i, static_cast<uint32_t>(p.offset)));
    }
    CHECK_OK(model->write_parameter(p, values));
  }
  return model;
}

struct TinyBatch {
  std::vector<int32_t> ids, bounds, labels;
  operator model::PackedBatch() const { return {ids, bounds, labels}; }
};

inline TinyBatch tiny_batch(int64_t vocabulary, std::vector<int32_t> lengths = {7, 1, 11}) {
  TinyBatch batch;
  batch.bounds.push_back(0);
  const Philox random(3, RngStream::test);
  for (const int32_t length : lengths) {
    for (int32_t i = 0; i < length; ++i) {
      const auto draw = random.block(batch.ids.size());
      batch.ids.push_back(static_cast<int32_t>(draw[0] % static_cast<uint64_t>(vocabulary)));
      batch.labels.push_back(draw[1] % 4 == 0 ? -100 : batch.ids.back());
    }
    batch.bounds.push_back(static_cast<int32_t>(batch.ids.size()));
  }
  return batch;
}

}  // namespace belle::test
