#include "native/model/prepared_batch.h"

#include <limits>
#include <string>

namespace belle::model {
namespace {

constexpr int32_t kUnsupervised = -100;

Status invalid(const std::string& what) { return {StatusCode::invalid_argument, what}; }

std::string at(const char* list, size_t index, int64_t value) {
  return std::string(list) + "[" + std::to_string(index) + "] is " + std::to_string(value);
}

Status check_ids(std::span<const int32_t> ids, int64_t vocabulary) {
  if (ids.empty()) return invalid("input_ids is empty; a batch needs at least one token");
  if (ids.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    return invalid("input_ids holds " + std::to_string(ids.size()) +
                   " tokens; a batch holds fewer than 2^31");
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= 0 && ids[i] < vocabulary) continue;
    return invalid(at("input_ids", i, ids[i]) + ", outside the vocabulary of " + std::to_string(vocabulary) +
                   " rows; encode with this model's tokenizer or resize the vocabulary");
  }
  return {};
}

Status check_boundaries(std::span<const int32_t> cu, size_t tokens, const DecoderConfig& config) {
  if (cu.size() < 2)
    return invalid("cu_seqlens has " + std::to_string(cu.size()) + " entries; expected documents + 1");
  if (cu.front() != 0) return invalid(at("cu_seqlens", 0, cu.front()) + "; it must start at 0");
  for (size_t i = 1; i < cu.size(); ++i) {
    if (cu[i] <= cu[i - 1]) {
      return invalid(at("cu_seqlens", i, cu[i]) + " after " + std::to_string(cu[i - 1]) +
                     "; it must rise, every document holding at least one token");
    }
    const int64_t length = static_cast<int64_t>(cu[i]) - cu[i - 1];
    if (config.max_position_embeddings > 0 && length > config.max_position_embeddings) {
      return invalid("document " + std::to_string(i - 1) + " has " + std::to_string(length) +
                     " tokens, but max_position_embeddings is " +
                     std::to_string(config.max_position_embeddings) + "; cut it shorter");
    }
  }
  if (static_cast<size_t>(cu.back()) != tokens) {
    return invalid(at("cu_seqlens", cu.size() - 1, cu.back()) + ", but input_ids holds " +
                   std::to_string(tokens) + " tokens; the last entry must be their number");
  }
  return {};
}

Status check_labels(std::span<const int32_t> labels, size_t tokens, int64_t vocabulary) {
  if (labels.empty()) return {};
  if (labels.size() != tokens) {
    return invalid("labels holds " + std::to_string(labels.size()) + " entries, but input_ids holds " +
                   std::to_string(tokens) + " tokens; give one label a token, unshifted");
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == kUnsupervised || (labels[i] >= 0 && labels[i] < vocabulary)) continue;
    return invalid(at("labels", i, labels[i]) + "; expected -100 or an id below " +
                   std::to_string(vocabulary));
  }
  return {};
}

}  // namespace

Status check_batch(const PackedBatch& batch, const DecoderConfig& config) {
  BELLE_TRY(check_ids(batch.input_ids, config.vocab_size));
  BELLE_TRY(check_boundaries(batch.cu_seqlens, batch.input_ids.size(), config));
  return check_labels(batch.labels, batch.input_ids.size(), config.vocab_size);
}

Status prepare_batch(const PackedBatch& batch, const DecoderConfig& config, PreparedBatch* out) {
  BELLE_TRY(check_batch(batch, config));
  const size_t tokens = batch.input_ids.size();
  out->positions.resize(tokens);
  out->targets.assign(batch.labels.empty() ? 0 : tokens, -1);
  out->supervised_tokens = 0;
  for (size_t document = 0; document + 1 < batch.cu_seqlens.size(); ++document) {
    const int32_t begin = batch.cu_seqlens[document], end = batch.cu_seqlens[document + 1];
    for (int32_t t = begin; t < end; ++t) {
      out->positions[static_cast<size_t>(t)] = t - begin;
      if (batch.labels.empty() || t + 1 == end) continue;
      const int32_t next = batch.labels[static_cast<size_t>(t) + 1];
      if (next == kUnsupervised) continue;
      out->targets[static_cast<size_t>(t)] = next;
      ++out->supervised_tokens;
    }
  }
  return {};
}

}  // namespace belle::model
