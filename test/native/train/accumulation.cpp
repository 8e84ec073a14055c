#include <cmath>
#include <cstring>

#include "native/io/safetensors.h"
#include "test/native/check.h"
#include "test/native/train/fixture.h"

using namespace belle;
using namespace belle::train;
using namespace belle::train::fixture;

// One micro-batch that holds the documents of several.
static Batch joined(const std::vector<Batch>& batches, size_t first, size_t last) {
  Batch out;
  out.cu_seqlens = {0};
  for (size_t i = first; i < std::min(last, batches.size()); ++i) {
    const auto base = static_cast<int32_t>(out.input_ids.size());
    out.input_ids.insert(out.input_ids.end(), batches[i].input_ids.begin(), batches[i].input_ids.end());
    out.labels.insert(out.labels.end(), batches[i].labels.begin(), batches[i].labels.end());
    for (size_t d = 1; d < batches[i].cu_seqlens.size(); ++d)
      out.cu_seqlens.push_back(base + batches[i].cu_seqlens[d]);
  }
  return out;
}

TEST("accumulation: 8 micro-batches of 1 = 1 of 8, the short last window included") {
  const std::vector<Batch> small = random_batches(19);  // windows of 8, 8, 3
  std::vector<Batch> large;
  for (size_t i = 0; i < small.size(); i += 8) large.push_back(joined(small, i, i + 8));
  TrainConfig config = quick_config();
  config.num_train_epochs = 2;
  Run eight, one;
  config.gradient_accumulation_steps = 8;
  CHECK_OK(eight.create(config, small));
  CHECK_OK(eight.run());
  config.gradient_accumulation_steps = 1;
  CHECK_OK(one.create(config, large));
  CHECK_OK(one.run());
  CHECK_EQ(eight.events.steps.size(), 6u);
  CHECK_EQ(one.events.steps.size(), 6u);
  for (size_t i = 0; i < 6; ++i) {
    const StepEvent &a = eight.events.steps[i], &b = one.events.steps[i];
    CHECK_EQ(a.supervised_tokens, b.supervised_tokens);
    CHECK_EQ(a.tokens, b.tokens);
    CHECK_NEAR(a.loss / b.loss, 1, 1e-6);
    CHECK_NEAR(a.grad_norm / b.grad_norm, 1, 1e-6);
  }
  CHECK(eight.events.steps.front().loss > eight.events.steps.back().loss);
}

TEST("accumulation: the loss is the mean over the window's supervised tokens, not the mean of means") {
  std::vector<Batch> batches = random_batches(2);
  for (size_t t = 2; t < batches[0].labels.size(); ++t)
    batches[0].labels[t] = -100;  // one target against many
  Run run;
  CHECK_OK(run.create(quick_config(), batches));
  double sum = 0;
  int64_t count = 0;
  for (const Batch& batch : batches) {
    const auto alone = run.model->forward({batch.input_ids, batch.cu_seqlens, batch.labels}, {});
    CHECK_OK(alone.status());
    sum += alone.value().loss_sum;
    count += alone.value().supervised_tokens;
  }
  CHECK_OK(run.run());
  CHECK_EQ(run.events.steps[0].supervised_tokens, count);
  CHECK_NEAR(run.events.steps[0].loss, sum / static_cast<double>(count), 1e-9);
}

// Trains a tiny model and returns its weights and the losses of its steps.
struct Trained {
  std::vector<float> weights;
  std::vector<double> losses;
  bool operator==(const Trained&) const = default;
};
static Trained trained(std::unique_ptr<model::Model> model, const TrainConfig& config) {
  Run run;
  run.model = std::move(model);
  CHECK_OK(run.create(config, random_batches(9)));
  CHECK_OK(run.run());
  Trained out{weights_of(*run.model), {}};
  for (const StepEvent& step : run.events.steps) out.losses.push_back(step.loss);
  CHECK(out.losses.size() == 10 && out.losses.back() < out.losses.front());
  return out;
}

TEST("threads: one and two give the same bits") {
  TrainConfig config = quick_config();
  config.num_train_epochs = 2;
  for (const DType dtype : kTypes) {
    CHECK(trained(tiny_model(1, dtype), config) == trained(tiny_model(2, dtype), config));
    CHECK(trained(tiny_bloom(1, dtype), config) == trained(tiny_bloom(2, dtype), config));
  }
}

TEST("recompute: every level gives the same bits") {
  using model::Recompute;
  for (const DType dtype : kTypes) {
    for (const Trainable trainable : {Trainable::all, Trainable::embeddings}) {
      for (const auto make : {tiny_model, tiny_bloom}) {
        TrainConfig config = quick_config();
        config.num_train_epochs = 2;
        config.trainable = trainable;
        const Trained selective = trained(make(2, dtype), config);
        for (const Recompute level : {Recompute::none, Recompute::layer}) {
          config.recompute = level;
          CHECK(trained(make(2, dtype), config) == selective);
        }
      }
    }
  }
}

TEST("bfloat16: a run learns as the float32 run does, and its weights are bfloat16") {
  TrainConfig config = quick_config();
  config.num_train_epochs = 2;
  for (const auto make : {tiny_model, tiny_bloom}) {
    const Trained exact = trained(make(2, DType::f32), config), half = trained(make(2, DType::bf16), config);
    for (size_t i = 0; i < exact.losses.size(); ++i) CHECK_NEAR(half.losses[i] / exact.losses[i], 1, 2e-2);
    CHECK(half.weights != exact.weights);
    for (const float weight : half.weights) CHECK(bf16_to_f32(f32_to_bf16(weight)) == weight);
  }
}

TEST("bfloat16: updates far below a weight's rounding are kept in the master") {
  // A constant rate of 1e-6 against weights of 1 (norms, whose bfloat16 neighbours are 0.0039 away): the
  // stored weights cannot move, the masters do, and with weight_decay 0 each by about the rate a step.
  TrainConfig config = quick_config();
  config.learning_rate = 1e-6;
  config.weight_decay = 0;
  config.lr_scheduler_type = Schedule::constant;
  config.max_steps = 20;
  config.output_dir = test::temporary_folder();
  Run run(DType::bf16);
  CHECK_OK(run.create(config, random_batches(9)));
  const std::vector<float> before = weights_of(*run.model);
  CHECK_OK(run.run());
  CHECK(weights_of(*run.model).size() == before.size());
  const auto state =
      io::SafetensorsFile::open(config.output_dir + "/checkpoint-20/trainer_state.safetensors");
  CHECK_OK(state.status());
  const io::TensorView* view = state.value().find("r.model.norm.weight");
  CHECK(view != nullptr && view->dtype == DType::i16);
  double moved = 0;
  for (int64_t i = 0; i < view->elements(); ++i) {
    int16_t remainder = 0;
    std::memcpy(&remainder, view->bytes.data() + 2 * i, sizeof remainder);
    CHECK(std::abs(remainder) < 400);  // 20 steps of 1e-6 are 168 units of 2^-23, or 336 below 1
    moved += std::abs(remainder);
  }
  CHECK(moved / static_cast<double>(view->elements()) > 20);
  for (const model::Parameter& parameter : run.model->parameters()) {
    if (parameter.shape.size() > 1) continue;
    for (const float weight : run.model->read_parameter(parameter).take()) CHECK(weight == 1.0f);
  }
}

TEST("windows without a supervised token are passed over with a warning") {
  std::vector<Batch> batches = random_batches(6);
  for (size_t i : {2, 3}) {
    for (int32_t& label : batches[i].labels) label = -100;
    batches[i].labels[0] = batches[i].input_ids[0];  // a document's first token is never a target
  }
  Run run;
  CHECK_OK(run.create(quick_config(), batches));
  std::vector<float> before, after;
  run.events.then = [&](const Event& event) {
    const auto* step = std::get_if<StepEvent>(&event);
    if (step && step->step == 1) before = weights_of(*run.model);
    if (step && step->step == 2) after = weights_of(*run.model);
  };
  CHECK_OK(run.run());
  CHECK_EQ(run.events.steps.size(), 3u);
  CHECK(run.events.steps[1].skipped && run.events.steps[1].supervised_tokens == 0 &&
        !run.events.steps[2].skipped);
  CHECK(before == after);
  CHECK_EQ(run.events.warnings.size(), 1u);
  CHECK_EQ(run.events.first_warning(), "step 2: none of its " + std::to_string(run.events.steps[1].tokens) +
                                           " tokens is supervised, so nothing was learnt");
}

TEST("NaN: the update is not applied; five in a row end the run") {
  TrainConfig config = quick_config();
  config.gradient_accumulation_steps = 1;
  Run run;
  CHECK_OK(run.create(config, random_batches(8)));
  const model::Parameter* norm = nullptr;
  for (const model::Parameter& parameter : run.model->parameters()) {
    if (parameter.shape.size() == 1) norm = &parameter;
  }
  const std::vector<float> good = run.model->read_parameter(*norm).take();
  const auto poison = [&] {
    std::vector<float> bad = good;
    bad[3] = NAN;
    CHECK_OK(run.model->write_parameter(*norm, bad));
  };
  // Poisoned before step 2, mended before step 4, poisoned again for good before step 5.
  std::vector<float> before;
  run.events.then = [&](const Event& event) {
    const auto* step = std::get_if<StepEvent>(&event);
    if (!step) return;
    if (step->step == 1 || step->step == 4) {
      poison();
      before = weights_of(*run.model);
    }
    if (step->step == 2) {
      const std::vector<float> after = weights_of(*run.model);
      CHECK(std::memcmp(after.data(), before.data(), after.size() * sizeof(float)) == 0);
    }
    if (step->step == 3) CHECK_OK(run.model->write_parameter(*norm, good));
  };
  config.num_train_epochs = 2;
  CHECK_OK(run.create(config, random_batches(8)));
  const Status status = run.run();
  CHECK(status.code() == StatusCode::numeric);
  CHECK(
      status.message().starts_with("the loss or the gradient was not finite in 5 steps in a row, the last "
                                   "one step 9 (epoch 1, micro-batches 0 to 0"));
  CHECK_EQ(run.events.steps.size(), 9u);
  CHECK(run.events.steps[1].skipped && run.events.steps[2].skipped && !run.events.steps[3].skipped);
  CHECK(run.events.done.empty());
}

TEST("clipping: the update is that of the gradient scaled by max / (norm + 1e-6)") {
  TrainConfig config = quick_config();
  config.lr_scheduler_type = Schedule::constant;
  config.weight_decay = 0;
  config.max_steps = 1;
  config.adam_beta1 = 0;
  config.adam_beta2 = 0;
  config.adam_epsilon = 1e3;  // then the update is lr * g / (|g| + 1e3): it shows the gradient's size
  const auto moved = [&](double max_grad_norm, double* norm) {
    config.max_grad_norm = max_grad_norm;
    Run run;
    CHECK_OK(run.create(config, random_batches(2)));
    const std::vector<float> before = weights_of(*run.model);
    CHECK_OK(run.run());
    *norm = run.events.steps[0].grad_norm;
    const std::vector<float> after = weights_of(*run.model);
    double sum = 0;
    for (size_t i = 0; i < after.size(); ++i) sum += std::pow(double{after[i]} - before[i], 2);
    return std::sqrt(sum);
  };
  config.learning_rate = 1e5;
  double norm = 0, same = 0;
  const double whole = moved(0, &norm), clipped = moved(0.1, &same);
  CHECK_EQ(norm, same);  // reported before clipping
  CHECK(norm > 0.2);
  CHECK_NEAR(clipped / whole, 0.1 / norm, 1e-3 * 0.1 / norm);
}

TEST("create: data that does not fit the model is refused before the first step") {
  const auto error = [](const std::function<void(std::vector<Batch>&, TrainConfig&)>& change) {
    std::vector<Batch> batches = random_batches(2);
    TrainConfig config = quick_config();
    change(batches, config);
    Run run;
    return std::string(run.create(config, batches).message());
  };
  CHECK_EQ(error([](auto& batches, auto&) { batches.clear(); }),
           "there is no training data: the source holds no micro-batch");
  CHECK_EQ(error([](auto& batches, auto&) { batches[1].input_ids[0] = 97; }),
           "the training data holds token id 97 but the model has 97 rows; encode it with this model's "
           "tokenizer or "
           "extend the vocabulary");
  CHECK_EQ(error([](auto& batches, auto&) {
             batches[0] = {std::vector<int32_t>(65, 1), {0, 65}, std::vector<int32_t>(65, 1)};
           }),
           "the training data holds a document of 65 tokens but the model has 64 positions; prepare the data "
           "with a "
           "smaller max_length");
  CHECK_EQ(error([](auto&, auto& config) { config.extra_files = {"/nowhere/tokenizer.model"}; }),
           "extra_files: /nowhere/tokenizer.model is not a file");
  CHECK_EQ(error([](auto&, auto& config) { config.gradient_accumulation_steps = 0; }),
           "gradient_accumulation_steps must be from 1 to 1048576, not 0.0");
  Run run;
  std::vector<Batch> bad = random_batches(4);
  bad[3].labels.pop_back();
  CHECK_OK(run.create(quick_config(), bad));
  CHECK(run.run().message().starts_with("step 2, micro-batch 3 of epoch 0: labels"));
}

TEST("evaluation: every eval_steps and at the end, once each") {
  TrainConfig config = quick_config();
  config.eval_steps = 2;
  Run run;
  const std::vector<Batch> held_out = random_batches(3, 99);
  CHECK_OK(run.create(config, random_batches(8), 1, held_out));
  CHECK_OK(run.run());
  CHECK_EQ(run.events.evaluations.size(), 2u);
  CHECK_EQ(run.events.evaluations[0].step, 2);
  CHECK_EQ(run.events.evaluations[1].step, 4);
  double sum = 0;
  int64_t count = 0;
  for (const Batch& batch : held_out) {
    const auto alone = run.model->forward({batch.input_ids, batch.cu_seqlens, batch.labels}, {});
    sum += alone.value().loss_sum;
    count += alone.value().supervised_tokens;
  }
  CHECK_NEAR(run.events.evaluations[1].loss, sum / static_cast<double>(count), 1e-12);
  CHECK_EQ(run.events.evaluations[1].supervised_tokens, count);
}

TEST("step events: without a given peak, MFU is against the backend's own") {
  Run run;
  CHECK_OK(run.create(quick_config(), random_batches(2)));
  CHECK_OK(run.run());
  const belle_backend& b = run.model->backend();
  double peak = 0;
  CHECK_OK(backend::from_c(b.peak_flops(b.context, BELLE_F32, &peak)));
  TrainConfig given = quick_config();
  given.peak_flops = peak;
  Run other;
  CHECK_OK(other.create(given, random_batches(2)));
  CHECK_OK(other.run());
  const StepEvent &a = run.events.steps[0], &c = other.events.steps[0];
  CHECK_NEAR(a.mfu * a.seconds, c.mfu * c.seconds, 1e-9 * c.mfu * c.seconds);
  CHECK(peak > 0 && a.mfu > 0 && a.mfu < 1);
}

TEST("step events: tokens, epochs, speed and MFU") {
  TrainConfig config = quick_config();
  config.num_train_epochs = 2;
  config.peak_flops = 1e9;
  Run run;
  CHECK_OK(run.create(config, random_batches(3)));  // windows of 2 and 1
  CHECK_OK(run.run());
  CHECK_EQ(run.trainer->total_steps(), 4);
  CHECK_EQ(run.trainer->step(), 4);
  CHECK_EQ(run.events.steps[1].epoch, 1.0);
  CHECK_EQ(run.events.steps[3].epoch, 2.0);
  CHECK_EQ(run.events.steps[3].total_steps, 4);
  CHECK_EQ(run.events.steps[1].tokens, run.events.steps[3].tokens);
  const StepEvent& step = run.events.steps[0];
  CHECK_NEAR(step.tokens_per_second * step.seconds, static_cast<double>(step.tokens), 1e-6);
  // 2 layers of q 32x32, k and v 16x32, out 32x32, three of 48x32, and the head 97x32
  const double matmul = 2 * (32 * 32 * 2 + 2 * 16 * 32 + 3 * 48 * 32) + 97 * 32;
  double flops = 6 * matmul * static_cast<double>(step.tokens);
  const std::vector<Batch> batches = random_batches(3);
  for (size_t i = 0; i < 2; ++i) {
    for (size_t d = 1; d < batches[i].cu_seqlens.size(); ++d) {
      flops += 6.0 * 2 * 32 * std::pow(batches[i].cu_seqlens[d] - batches[i].cu_seqlens[d - 1], 2);
    }
  }
  CHECK_NEAR(step.mfu * step.seconds * 1e9 / flops, 1, 1e-9);
  for (const StepEvent& event : run.events.steps) {
    CHECK(event.memory_bytes > run.trainer->planned_bytes());
    CHECK(event.memory_bytes < uint64_t{1} << 36);
  }
  const std::vector<DoneEvent>& done = run.events.done;
  CHECK(done.size() == 1 && done[0].step == 4 && !done[0].stopped);
}
