#include <filesystem>
#include <map>

#include "native/io/token_shard.h"
#include "test/native/check.h"
#include "test/native/train/fixture.h"

using namespace belle;
using namespace belle::train;
using namespace belle::train::fixture;

namespace {

// 11 packs of 1 to 3 samples; the first id of a sample is its number.
struct Shards {
  std::string folder = test::temporary_folder() + "/tokens";
  std::vector<std::vector<std::vector<int32_t>>> packs;

  Shards() {
    auto commit = io::DirectoryCommit::create(folder);
    CHECK_OK(commit.status());
    auto writer = io::TokenShardWriter::create(commit.value()->folder(), false, 20);
    CHECK_OK(writer.status());
    int64_t samples = 0, tokens = 0, supervised = 0;
    for (int32_t p = 0; p < 11; ++p) {
      auto& pack = packs.emplace_back();
      for (int32_t s = 0; s <= p % 3; ++s) {
        std::vector<int32_t> ids{static_cast<int32_t>(samples++)};
        for (int32_t t = 0; t < 3 + p % 4; ++t) ids.push_back((p * 13 + s * 5 + t) % 97);
        const std::vector<uint8_t> mask(ids.size(), 1);
        CHECK_OK(writer.value()->add_sample(ids, mask));
        tokens += static_cast<int64_t>(ids.size());
        supervised += static_cast<int64_t>(ids.size()) - 1;
        pack.push_back(std::move(ids));
      }
      CHECK_OK(writer.value()->end_pack());
    }
    auto records = writer.value()->finish();
    CHECK_OK(records.status());
    for (auto& record : records.value()) commit.value()->add(std::move(record));
    CHECK_OK(commit.value()->commit({{"schema", "belle-train/tokens/1"},
                                     {"samples", samples},
                                     {"packs", 11},
                                     {"tokens", tokens},
                                     {"supervised_tokens", supervised},
                                     {"max_token_id", 96}}));
  }
};

std::unique_ptr<BatchSource> open(const Shards& shards, int64_t batch_size, bool packing, bool shuffle,
                                  uint64_t seed = 1) {
  auto source = shard_source(shards.folder, batch_size, packing, shuffle, seed);
  CHECK_OK(source.status());
  return source.take();
}

std::vector<Batch> epoch_of(const BatchSource& source, uint64_t epoch) {
  std::vector<Batch> batches(source.micro_batches_per_epoch());
  for (uint64_t i = 0; i < batches.size(); ++i) {
    CHECK_OK(source.micro_batch(epoch, i, &batches[i]));
    CHECK(static_cast<int64_t>(batches[i].input_ids.size()) <= source.max_tokens());
    CHECK_EQ(batches[i].cu_seqlens.back(), static_cast<int32_t>(batches[i].input_ids.size()));
  }
  return batches;
}

}  // namespace

TEST("shard source: unshuffled packs come in order, each sample its own document") {
  const Shards shards;
  const auto source = open(shards, 2, true, false);
  const std::vector<Batch> batches = epoch_of(*source, 3);
  CHECK_EQ(batches.size(), 6u);  // 11 packs by 2, the last alone
  size_t pack = 0;
  for (const Batch& batch : batches) {
    size_t document = 0;
    for (int k = 0; k < 2 && pack < 11; ++k, ++pack) {
      for (const auto& ids : shards.packs[pack]) {
        const auto begin = batch.input_ids.begin() + batch.cu_seqlens[document];
        CHECK(std::vector<int32_t>(begin, batch.input_ids.begin() + batch.cu_seqlens[document + 1]) == ids);
        CHECK_EQ(batch.labels[static_cast<size_t>(batch.cu_seqlens[document])], -100);
        ++document;
      }
    }
    CHECK_EQ(document + 1, batch.cu_seqlens.size());
  }
}

TEST("shard source: every epoch holds every sample once, in another order") {
  const Shards shards;
  for (const bool packing : {true, false}) {
    const auto source = open(shards, 3, packing, true);
    std::vector<std::vector<int32_t>> orders;
    for (uint64_t epoch = 0; epoch < 4; ++epoch) {
      std::vector<int32_t> order;
      for (const Batch& batch : epoch_of(*source, epoch)) {
        for (size_t d = 0; d + 1 < batch.cu_seqlens.size(); ++d) {
          order.push_back(batch.input_ids[static_cast<size_t>(batch.cu_seqlens[d])]);
        }
      }
      std::vector<int32_t> sorted = order;
      std::sort(sorted.begin(), sorted.end());
      CHECK_EQ(sorted.size(), 21u);
      for (size_t i = 0; i < sorted.size(); ++i) CHECK_EQ(sorted[i], static_cast<int32_t>(i));
      for (const auto& other : orders) CHECK(other != order);
      orders.push_back(order);
    }
    const auto other_seed = open(shards, 3, packing, true, 2);
    CHECK(epoch_of(*other_seed, 0)[0].input_ids != epoch_of(*source, 0)[0].input_ids);
  }
}

TEST("shard source: trains, stops and resumes with the same bits, shuffled") {
  const Shards shards;
  TrainConfig config = quick_config();
  config.num_train_epochs = 2;
  config.gradient_accumulation_steps = 4;
  const auto create = [&](Run* run) {
    run->model = tiny_model();
    auto made = Trainer::create(*run->model, open(shards, 2, true, true), nullptr, config);
    CHECK_OK(made.status());
    run->trainer = made.take();
  };
  Run whole, first, second;
  create(&whole);
  CHECK_OK(whole.run());
  CHECK_EQ(whole.events.steps.size(), 4u);  // 6 micro-batches by 4: two steps an epoch
  config.output_dir = test::temporary_folder();
  create(&first);
  first.stop_after(3);
  CHECK(first.run().code() == StatusCode::aborted);
  create(&second);
  CHECK_OK(second.resume().status());
  CHECK_OK(second.run());
  CHECK_EQ(second.events.steps.size(), 1u);
  CHECK_EQ(second.events.steps[0].loss, whole.events.steps[3].loss);
  CHECK(weights_of(*second.model) == weights_of(*whole.model));
}

TEST("shard source: bad arguments and folders are named") {
  const Shards shards;
  CHECK_EQ(std::string(shard_source(shards.folder, 0, true, true, 1).status().message()),
           "per_device_train_batch_size must be 1 or more, not 0");
  CHECK_EQ(std::string(shard_source("/nowhere", 1, true, true, 1).status().message()),
           "cannot read /nowhere/MANIFEST.json: No such file or directory; check the path");
}

TEST("memory source: wraps over epochs in the order given") {
  const std::vector<Batch> batches = random_batches(3);
  const auto source = memory_source(batches);
  CHECK_EQ(source->micro_batches_per_epoch(), 3u);
  Batch out;
  for (uint64_t epoch : {0, 5}) {
    for (uint64_t i = 0; i < 3; ++i) {
      CHECK_OK(source->micro_batch(epoch, i, &out));
      CHECK(out.input_ids == batches[i].input_ids && out.labels == batches[i].labels);
    }
  }
  CHECK(source->fingerprint() != memory_source(random_batches(3, 6))->fingerprint());
}
