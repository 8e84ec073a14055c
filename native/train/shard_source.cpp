#include <algorithm>
#include <functional>
#include <numeric>

#include "native/io/token_shard.h"
#include "native/train/bijection.h"
#include "native/train/trainer.h"

namespace belle::train {

namespace {

// An item is a pack, or a sample without packing; a micro-batch is batch_size items of the epoch's order.
class ShardSource : public BatchSource {
 public:
  ShardSource(io::TokenShards shards, uint64_t batch_size, bool packing, bool shuffle, uint64_t seed)
      : shards_(std::move(shards)),
        batch_size_(batch_size),
        packing_(packing),
        shuffle_(shuffle),
        seed_(seed) {
    for (uint64_t sample = 0; sample < shards_.samples(); ++sample) {
      max_document_tokens_ =
          std::max(max_document_tokens_, static_cast<int64_t>(shards_.sample_length(sample)));
    }
    std::vector<int64_t> lengths(items());
    for (uint64_t item = 0; item < lengths.size(); ++item) {
      const auto [first, last] = samples_of(item);
      for (uint64_t sample = first; sample < last; ++sample) {
        lengths[item] += static_cast<int64_t>(shards_.sample_length(sample));
      }
    }
    // Whatever the order, a micro-batch is never more than its longest items together.
    const auto together =
        lengths.begin() + static_cast<ptrdiff_t>(std::min<uint64_t>(batch_size_, lengths.size()));
    std::partial_sort(lengths.begin(), together, lengths.end(), std::greater<>());
    max_tokens_ = std::accumulate(lengths.begin(), together, int64_t{0});
  }

  uint64_t micro_batches_per_epoch() const override { return (items() + batch_size_ - 1) / batch_size_; }
  int64_t max_tokens() const override { return max_tokens_; }
  int64_t max_document_tokens() const override { return max_document_tokens_; }
  int32_t max_token_id() const override { return shards_.max_token_id(); }
  std::string fingerprint() const override { return shards_.fingerprint(); }

  Status micro_batch(uint64_t epoch, uint64_t index, Batch* out) const override {
    out->input_ids.clear();
    out->labels.clear();
    out->cu_seqlens.assign(1, 0);
    const Bijection order(items(), seed_, epoch);
    const uint64_t end = std::min((index + 1) * batch_size_, items());
    for (uint64_t place = index * batch_size_; place < end; ++place) {
      const auto [first, last] = samples_of(shuffle_ ? order(place) : place);
      for (uint64_t sample = first; sample < last; ++sample) {
        BELLE_TRY(shards_.read_sample(sample, &out->input_ids, &out->labels));
        out->cu_seqlens.push_back(static_cast<int32_t>(out->input_ids.size()));
      }
    }
    return {};
  }

 private:
  uint64_t items() const { return packing_ ? shards_.packs() : shards_.samples(); }
  std::pair<uint64_t, uint64_t> samples_of(uint64_t item) const {
    return packing_ ? shards_.pack(item) : std::pair(item, item + 1);
  }

  io::TokenShards shards_;
  uint64_t batch_size_;
  bool packing_, shuffle_;
  uint64_t seed_;
  int64_t max_tokens_ = 0, max_document_tokens_ = 0;
};

}  // namespace

Result<std::unique_ptr<BatchSource>> shard_source(const std::string& folder, int64_t batch_size, bool packing,
                                                  bool shuffle, uint64_t seed) {
  if (batch_size < 1) {
    return Status(StatusCode::invalid_argument,
                  "per_device_train_batch_size must be 1 or more, not " + std::to_string(batch_size));
  }
  BELLE_ASSIGN(io::TokenShards shards, io::TokenShards::open(folder, true));
  auto source = std::make_unique<ShardSource>(std::move(shards), static_cast<uint64_t>(batch_size), packing,
                                              shuffle, seed);
  if (source->max_tokens() > INT32_MAX) {
    return Status(StatusCode::invalid_argument,
                  "a micro-batch of " + std::to_string(batch_size) + " items has up to " +
                      std::to_string(source->max_tokens()) +
                      " tokens, more than 2147483647; lower per_device_train_batch_size");
  }
  return std::unique_ptr<BatchSource>(std::move(source));
}

}  // namespace belle::train
