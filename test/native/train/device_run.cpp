// A whole bfloat16 run on a device: its losses stay near the CPU's, and it repeats and resumes bit for bit.
#include <cmath>

#include "native/core/philox.h"
#include "test/native/backend_name.h"
#include "test/native/check.h"
#include "test/native/train/fixture.h"

using namespace belle;
using namespace belle::train;
using namespace belle::train::fixture;

namespace {

constexpr int32_t kVocabulary = 75;  // of no multiple of 8: rows that no vector load fits

model::DecoderConfig shape(model::Family family) {
  const bool bloom = family == model::Family::bloom;
  model::DecoderConfig config;
  config.family = family;
  config.vocab_size = kVocabulary;
  config.head_dim = 64;
  config.num_attention_heads = 2;
  config.num_key_value_heads = bloom ? 2 : 1;
  config.hidden_size = 128;
  config.intermediate_size = bloom ? 512 : 72;
  config.num_hidden_layers = 2;
  config.initializer_range = 0.05f;
  config.tie_word_embeddings = bloom;
  return config;
}

// Packs of documents of 1 to 24 tokens; the next token follows from the last one most of the time.
std::vector<Batch> packs(size_t count, uint32_t most_documents) {
  const Philox random(21, RngStream::test);
  uint64_t draws = 0;
  const auto draw = [&](uint32_t below) { return static_cast<int32_t>(random.block(draws++)[0] % below); };
  std::vector<Batch> batches(count);
  for (Batch& batch : batches) {
    batch.cu_seqlens = {0};
    for (int32_t documents = 2 + draw(most_documents - 1); documents > 0; --documents) {
      int32_t token = draw(kVocabulary);
      for (int32_t left = 1 + draw(24); left > 0; --left) {
        batch.input_ids.push_back(token);
        batch.labels.push_back(draw(8) > 0 ? token : -100);
        token = draw(5) > 0 ? (7 * token + 3) % kVocabulary : draw(kVocabulary);
      }
      batch.cu_seqlens.push_back(static_cast<int32_t>(batch.input_ids.size()));
    }
  }
  return batches;
}

struct Curve {
  std::vector<double> losses, norms;
  std::vector<float> weights;
  bool operator==(const Curve&) const = default;
};

struct Plan {
  model::DecoderConfig model;
  std::vector<Batch> batches;
  int64_t steps;

  TrainConfig config() const {
    TrainConfig config = quick_config();
    config.learning_rate = 5e-4;  // smooth: no spike that bfloat16 alone moves by a step
    config.max_steps = steps;
    return config;
  }

  // Whole; with `cut`, stopped after that step and resumed by another trainer and model.
  Curve run(const char* backend, DType dtype, int64_t cut = 0) const {
    Curve curve;
    TrainConfig train = config();
    if (cut > 0) train.output_dir = test::temporary_folder();
    for (const bool resumed : {false, true}) {
      if (resumed && cut == 0) break;
      Run part;
      auto made = model::Model::create(model, 5, {.backend = backend, .threads = 2, .dtype = dtype});
      CHECK_OK(made.status());
      if (!made.ok()) return curve;
      part.model = made.take();
      CHECK_OK(part.create(train, batches));
      if (resumed) {
        const auto from = part.resume();
        CHECK(from.ok() && from.value() == cut);
      } else if (cut > 0) {
        part.stop_after(cut);
      }
      const Status status = part.run();
      CHECK(cut > 0 && !resumed ? status.code() == StatusCode::aborted : status.ok());
      for (const StepEvent& step : part.events.steps) {
        curve.losses.push_back(step.loss);
        curve.norms.push_back(step.grad_norm);
      }
      curve.weights = weights_of(*part.model);
    }
    return curve;
  }
};

struct Distance {
  double mean = 0, most = 0;  // root of the mean square, largest
  Distance(const std::vector<double>& a, const std::vector<double>& b) {
    for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
      mean += (a[i] - b[i]) * (a[i] - b[i]) / static_cast<double>(a.size());
      most = std::max(most, std::fabs(a[i] - b[i]));
    }
    mean = a.size() == b.size() ? std::sqrt(mean) : INFINITY;
  }
};

void check_run(const char* name, model::Family family) {
  const bool emulated = test::on_emulated_device();
  // What is emulated takes seconds a step.
  const Plan plan = {shape(family), emulated ? packs(4, 2) : packs(12, 6), emulated ? 4 : 200};
  const Curve exact = plan.run("cpu", DType::f32), cpu = plan.run("cpu", DType::bf16),
              device = plan.run(test::backend_name(), DType::bf16),
              resumed = plan.run(test::backend_name(), DType::bf16, plan.steps / 2);
  CHECK_EQ(device.losses.size(), static_cast<size_t>(plan.steps));
  if (device.losses.empty()) return;
  // As far as bfloat16 takes the CPU from its float32 run, it may take a device from the CPU: both differ in
  // where they round. Twice that, as one may go up where the other goes down.
  const Distance ours(device.losses, cpu.losses), theirs(cpu.losses, exact.losses);
  std::cout << "    " << name << ", " << plan.steps << " steps: loss " << device.losses.front() << " to "
            << device.losses.back() << " (CPU " << cpu.losses.back() << ", float32 " << exact.losses.back()
            << "); from the CPU's losses " << ours.mean << " in the mean, " << ours.most
            << " at most; bfloat16 from float32 on the CPU " << theirs.mean << ", " << theirs.most << "\n";
  CHECK(ours.mean <= 2 * theirs.mean);
  if (!emulated) CHECK(device.losses.back() < device.losses.front() / 2);
  CHECK(resumed == device);
  if (!emulated) CHECK(plan.run(test::backend_name(), DType::bf16) == device);
}

}  // namespace

TEST("device run: LLaMA in bfloat16 learns as on the CPU, repeats and resumes with the same bits") {
  if (test::backend_name() == std::string("cpu")) return test::skip("compares a device with the CPU");
  check_run("LLaMA", model::Family::llama);
}

TEST("device run: BLOOM in bfloat16 learns as on the CPU, repeats and resumes with the same bits") {
  if (test::backend_name() == std::string("cpu")) return test::skip("compares a device with the CPU");
  check_run("BLOOM", model::Family::bloom);
}
