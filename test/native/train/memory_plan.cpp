// The memory plan against what a trainer really takes from the backend.
#include "native/train/memory_plan.h"

#include <algorithm>

#include "native/model/state.h"
#include "test/native/check.h"
#include "test/native/train/fixture.h"

using namespace belle;
using namespace belle::train;
using namespace belle::train::fixture;

namespace {

// The backend's alloc and free, counted.
struct Counted {
  static inline belle_status (*alloc)(void*, size_t, void**) = nullptr;
  static inline uint64_t bytes = 0;

  static belle_status count(void* context, size_t size, void** out) {
    bytes += size;
    return alloc(context, size, out);
  }
  explicit Counted(model::Model& model) {
    alloc = model.state().backend->alloc;
    model.state().backend->alloc = count;
    bytes = 0;
  }
};

uint64_t item(const MemoryPlan& plan, const std::string& name) {
  const auto found = std::find_if(plan.items.begin(), plan.items.end(),
                                  [&](const MemoryItem& of) { return of.name == name; });
  CHECK(found != plan.items.end());
  return found == plan.items.end() ? 0 : found->bytes;
}

}  // namespace

TEST("memory plan: the device items are what is allocated, in every mode") {
  using model::Recompute;
  for (const DType dtype : kTypes) {
    for (const Trainable trainable : {Trainable::all, Trainable::embeddings, Trainable::lora}) {
      for (const Recompute recompute : {Recompute::none, Recompute::selective, Recompute::layer}) {
        for (const auto make : {tiny_model, tiny_bloom}) {
          TrainConfig config = quick_config();
          config.trainable = trainable;
          config.recompute = recompute;
          const std::vector<Batch> batches = random_batches(5), held_out = random_batches(3, 99);
          int64_t tokens = 0;
          for (const auto* list : {&batches, &held_out}) {
            for (const Batch& batch : *list)
              tokens = std::max(tokens, static_cast<int64_t>(batch.input_ids.size()));
          }
          Run run;
          run.model = make(1, dtype);
          if (trainable == Trainable::lora) CHECK_OK(run.model->add_lora({.target_modules = {"all-linear"}}));
          const MemoryPlan plan = plan_memory(run.model->config(), run.model->state().map, dtype, config,
                                              tokens, 3, backend::logit_room(run.model->backend().name));
          CHECK_EQ(item(plan, "weights"),
                   run.model->state().weights.bytes() + run.model->state().adapters.bytes());
          const Counted counted(*run.model);
          CHECK_OK(run.create(config, batches, 1, held_out));
          CHECK_EQ(run.trainer->planned_bytes(), plan.total());
          CHECK_OK(run.run());
          CHECK_EQ(Counted::bytes, plan.total() - item(plan, "weights") - item(plan, "batch_window"));
        }
      }
    }
  }
}

TEST("memory plan: LLaMA-7B with 79,458 rows, as arithmetic says") {
  model::DecoderConfig config;
  config.vocab_size = 79458;
  config.hidden_size = 4096;
  config.intermediate_size = 11008;
  config.num_hidden_layers = config.num_attention_heads = config.num_key_value_heads = 32;
  config.head_dim = 128;
  TrainConfig train;
  const uint64_t parameters = 7127191552;
  const MemoryPlan all = plan_memory(config, model::make_weight_map(config), DType::bf16, train, 8192, 1, {});
  CHECK_EQ(all.items.size(), 9u);
  CHECK_EQ(item(all, "weights"), 2 * parameters);
  CHECK_EQ(item(all, "master_remainder"), 2 * parameters);
  for (const char* name : {"gradients", "adam_m", "adam_v"}) CHECK_EQ(item(all, name), 4 * parameters);
  // A layer keeps x, x_middle and the attention's output (d each), q, k and v (3 d), gate and up (2 ff) in
  // bfloat16, two statistics and 32 log-sum-exps in float32; beside the layers x_last, hidden, a statistic, a
  // loss and three ids.
  const uint64_t token = 32 * (2 * (6 * 4096 + 2 * 11008) + 4 * 34) + 2 * 2 * 4096 + 4 * 5;
  CHECK_EQ(item(all, "saved_activations"), 8192 * token);
  CHECK_EQ(item(all, "logits_chunk"), uint64_t{352} * 79464 * 2);
  train.trainable = Trainable::embeddings;
  const MemoryPlan embeddings =
      plan_memory(config, model::make_weight_map(config), DType::bf16, train, 8192, 1, {});
  CHECK_EQ(item(embeddings, "gradients"), uint64_t{4} * 2 * 79458 * 4096);
  CHECK_EQ(item(embeddings, "master_remainder"), uint64_t{2} * 2 * 79458 * 4096);
  CHECK_EQ(item(plan_memory(config, model::make_weight_map(config), DType::f32, train, 8192, 1, {}),
                "master_remainder"),
           uint64_t{0});
  train.recompute = model::Recompute::layer;
  CHECK_EQ(item(plan_memory(config, model::make_weight_map(config), DType::bf16, train, 8192, 1, {}),
                "saved_activations"),
           uint64_t{8192} * (2 * (32 + 2) * 4096 + 4 * 5));
}
