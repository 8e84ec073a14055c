// Whole training steps (forward, backward, clip, AdamW) on random tokens, as a JSON line; for machines
// without Node.
//   bench_train_step config=config.json [backend=cuda] [dtype=bfloat16] [tokens=8192] [documents=4]
//   [accumulation=1]
//                    [steps=8] [recompute=selective]
// tokens: of a micro-batch, packed from equal documents. BELLE_CUDA_LIB names the library of backend=cuda.
#include <algorithm>
#include <array>
#include <atomic>

#include "bench/native/arguments.h"
#include "bench/native/model_arguments.h"
#include "native/core/philox.h"
#include "native/train/memory_plan.h"
#include "native/train/trainer.h"

namespace belle::bench {
namespace {

train::Batch random_batch(int64_t tokens, int64_t documents, int64_t vocab, uint64_t seed) {
  const Philox random(seed, RngStream::test);
  train::Batch batch;
  for (int64_t i = 0; i < tokens; ++i) {
    const double draw = random.uniform(static_cast<uint64_t>(i));
    batch.input_ids.push_back(static_cast<int32_t>(draw * static_cast<double>(vocab)));
  }
  batch.labels = batch.input_ids;
  for (int64_t i = 0; i <= documents; ++i)
    batch.cu_seqlens.push_back(static_cast<int32_t>(tokens * i / documents));
  return batch;
}

int run(int argc, char** argv) {
  Arguments given(argc, argv, 1);
  const std::string config_path = given.text("config", "");
  if (config_path.empty())
    refuse("usage: bench_train_step config=config.json [backend=cuda] [tokens=8192] ...");
  const model::ModelOptions options = model_options(given);
  const int64_t tokens = given.number("tokens", 8192), documents = given.number("documents", 4),
                steps = given.number("steps", 8);
  train::TrainConfig config;
  config.gradient_accumulation_steps = given.number("accumulation", 1);
  config.max_steps = steps + 2;
  config.learning_rate = 1e-5;
  const std::string recompute = given.text("recompute", "selective");
  config.recompute = recompute == "none"    ? model::Recompute::none
                     : recompute == "layer" ? model::Recompute::layer
                                            : model::Recompute::selective;
  given.refuse_others();

  const auto decoder = read_decoder_config(config_path);
  const auto model = value_of(model::Model::create(decoder, 1, options));
  std::vector<train::Batch> batches;
  for (int64_t i = 0; i < config.gradient_accumulation_steps; ++i)
    batches.push_back(random_batch(tokens, documents, decoder.vocab_size, static_cast<uint64_t>(i)));
  const auto trainer =
      value_of(train::Trainer::create(*model, train::memory_source(std::move(batches)), nullptr, config));
  std::vector<double> speeds;
  double mfu = 0, loss = 0;
  const std::atomic<bool> stop{false};
  const Status ran = trainer->run(stop, [&](const train::Event& event) {
    const auto* step = std::get_if<train::StepEvent>(&event);
    if (step == nullptr || step->step <= 2) return;  // two warm up
    speeds.push_back(step->tokens_per_second);
    mfu = std::max(mfu, step->mfu);
    loss = step->loss;
  });
  if (!ran.ok()) refuse(ran.message());
  std::sort(speeds.begin(), speeds.end());
  std::printf(
      "{\"backend\":\"%s\",\"dtype\":\"%s\",\"tokens\":%lld,\"documents\":%lld,\"accumulation\":%lld,"
      "\"tokens_per_s\":%.6g,"
      "\"min\":%.6g,\"max\":%.6g,\"best_mfu\":%.4g,\"loss\":%.6g,\"planned_bytes\":%llu}\n",
      options.backend.c_str(), std::string(dtype_name(options.dtype)).c_str(), static_cast<long long>(tokens),
      static_cast<long long>(documents), static_cast<long long>(config.gradient_accumulation_steps),
      speeds[speeds.size() / 2], speeds.front(), speeds.back(), mfu, loss,
      static_cast<unsigned long long>(trainer->planned_bytes()));
  return 0;
}

}  // namespace
}  // namespace belle::bench

int main(int argc, char** argv) { return belle::bench::run(argc, argv); }
