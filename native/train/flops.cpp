#include "native/train/flops.h"

namespace belle::train {

StepFlops step_flops(const model::DecoderConfig& config, std::span<const model::Parameter> parameters,
                     model::ParameterRange trained) {
  // The input embedding, the first of two, is a look-up; a tied one is a matrix product once, as the head.
  bool looked_up = !config.tie_word_embeddings;
  double matmul = 0, updated = 0;
  for (const model::Parameter& parameter : parameters) {
    if (parameter.shape.size() < 2) continue;
    if (parameter.embedding && looked_up) {
      looked_up = false;
      continue;
    }
    matmul += static_cast<double>(parameter.elements);
    if (trained.contains(parameter.offset)) updated += static_cast<double>(parameter.elements);
  }
  StepFlops flops;
  flops.per_token = 4 * matmul + 2 * updated;
  flops.per_squared_length =
      6.0 * static_cast<double>(config.num_hidden_layers * config.num_attention_heads * config.head_dim);
  return flops;
}

double StepFlops::of(const Batch& batch) const {
  double squares = 0;
  for (size_t i = 1; i < batch.cu_seqlens.size(); ++i) {
    const double length = static_cast<double>(batch.cu_seqlens[i]) - batch.cu_seqlens[i - 1];
    squares += length * length;
  }
  return per_token * static_cast<double>(batch.input_ids.size()) + per_squared_length * squares;
}

}  // namespace belle::train
