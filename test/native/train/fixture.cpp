#include "test/native/train/fixture.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "native/core/philox.h"
#include "test/native/backend_name.h"
#include "test/native/check.h"

namespace belle::train::fixture {

static std::unique_ptr<model::Model> make(const model::DecoderConfig& config, int threads, DType dtype) {
  auto made =
      model::Model::create(config, 11, {.backend = test::backend_name(), .threads = threads, .dtype = dtype});
  CHECK_OK(made.status());
  if (!made.ok()) std::abort();  // nothing to train
  return made.take();
}

std::unique_ptr<model::Model> tiny_model(int threads, DType dtype) {
  model::DecoderConfig config;
  config.vocab_size = 97;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 8;
  config.max_position_embeddings = 64;
  config.initializer_range = 0.1f;
  config.bos_token_id = 1;
  config.eos_token_ids = {2};
  return make(config, threads, dtype);
}

std::unique_ptr<model::Model> tiny_bloom(int threads, DType dtype) {
  model::DecoderConfig config;
  config.family = model::Family::bloom;
  config.vocab_size = 97;
  config.hidden_size = 32;
  config.intermediate_size = 128;
  config.num_hidden_layers = 2;
  config.num_attention_heads = config.num_key_value_heads = 4;
  config.head_dim = 8;
  config.tie_word_embeddings = true;
  return make(config, threads, dtype);
}

std::vector<Batch> random_batches(size_t count, uint64_t seed) {
  const Philox random(seed, RngStream::test);
  uint64_t draws = 0;
  const auto draw = [&](uint32_t below) { return random.block(draws++)[0] % below; };
  std::vector<Batch> batches(count);
  for (Batch& batch : batches) {
    batch.cu_seqlens = {0};
    for (uint32_t documents = 1 + draw(3); documents > 0; --documents) {
      for (uint32_t left = 2 + draw(14); left > 0; --left) {
        batch.input_ids.push_back(static_cast<int32_t>(draw(97)));
        batch.labels.push_back(draw(3) > 0 ? batch.input_ids.back() : -100);
      }
      batch.cu_seqlens.push_back(static_cast<int32_t>(batch.input_ids.size()));
    }
    batch.labels[1] = batch.input_ids[1];  // never wholly unsupervised
  }
  return batches;
}

TrainConfig quick_config() {
  TrainConfig config;
  config.learning_rate = 5e-3;
  config.weight_decay = 0.01;
  config.lr_scheduler_type = Schedule::cosine;
  config.warmup_ratio = 0.1;
  config.gradient_accumulation_steps = 2;
  config.save_steps = 0;
  return config;
}

void Events::operator()(const Event& event) {
  if (const auto* step = std::get_if<StepEvent>(&event)) steps.push_back(*step);
  if (const auto* checkpoint = std::get_if<CheckpointEvent>(&event)) checkpoints.push_back(*checkpoint);
  if (const auto* evaluation = std::get_if<EvalEvent>(&event)) evaluations.push_back(*evaluation);
  if (const auto* warning = std::get_if<WarningEvent>(&event)) warnings.push_back(warning->message);
  if (const auto* end = std::get_if<DoneEvent>(&event)) done.push_back(*end);
  if (then) then(event);
}

std::vector<float> weights_of(const model::Model& model) {
  std::vector<float> all;
  for (const model::Parameter& parameter : model.parameters()) {
    const std::vector<float> values = model.read_parameter(parameter).take();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

Status Run::create(const TrainConfig& config, std::vector<Batch> batches, int threads,
                   std::vector<Batch> eval) {
  if (!model) model = tiny_model(threads, dtype);
  auto made = Trainer::create(*model, memory_source(std::move(batches)),
                              eval.empty() ? nullptr : memory_source(std::move(eval)), config);
  if (!made.ok()) return made.status();
  trainer = made.take();
  return {};
}

Status Run::run() { return trainer->run(stop, std::ref(events)); }

Result<int64_t> Run::resume() { return trainer->resume(std::ref(events)); }

void Run::stop_after(int64_t step) {
  events.then = [this, step](const Event& event) {
    if (const auto* done = std::get_if<StepEvent>(&event)) stop = done->step >= step;
  };
}

double worst_relative(const std::vector<double>& got, const std::vector<double>& expected) {
  double worst = got.size() == expected.size() ? 0 : INFINITY;
  for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    worst = std::max(worst, std::fabs(got[i] - expected[i]) / std::fabs(expected[i]));
  }
  return worst;
}

}  // namespace belle::train::fixture
