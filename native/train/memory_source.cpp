#include <algorithm>

#include "native/core/sha256.h"
#include "native/train/trainer.h"

namespace belle::train {

namespace {

class MemorySource : public BatchSource {
 public:
  explicit MemorySource(std::vector<Batch> batches) : batches_(std::move(batches)) {
    Sha256 hash;
    const auto add = [&](const std::vector<int32_t>& values) {
      const uint64_t count = values.size();
      hash.update(&count, sizeof count);
      hash.update(values.data(), count * sizeof values[0]);
    };
    for (const Batch& batch : batches_) {
      add(batch.input_ids), add(batch.cu_seqlens), add(batch.labels);
      max_tokens_ = std::max(max_tokens_, static_cast<int64_t>(batch.input_ids.size()));
      for (const int32_t id : batch.input_ids) max_token_id_ = std::max(max_token_id_, id);
      for (size_t i = 1; i < batch.cu_seqlens.size(); ++i) {
        const int64_t length = int64_t{batch.cu_seqlens[i]} - batch.cu_seqlens[i - 1];
        max_document_tokens_ = std::max(max_document_tokens_, length);
      }
    }
    fingerprint_ = hash.hex();
  }

  uint64_t micro_batches_per_epoch() const override { return batches_.size(); }
  int64_t max_tokens() const override { return max_tokens_; }
  int64_t max_document_tokens() const override { return max_document_tokens_; }
  int32_t max_token_id() const override { return max_token_id_; }
  std::string fingerprint() const override { return fingerprint_; }

  Status micro_batch(uint64_t, uint64_t index, Batch* out) const override {
    *out = batches_[index];  // copies into what `out` has reserved
    return {};
  }

 private:
  std::vector<Batch> batches_;
  int64_t max_tokens_ = 0, max_document_tokens_ = 0;
  int32_t max_token_id_ = 0;
  std::string fingerprint_;
};

}  // namespace

std::unique_ptr<BatchSource> memory_source(std::vector<Batch> batches) {
  return std::make_unique<MemorySource>(std::move(batches));
}

}  // namespace belle::train
