// Training adapters: against PEFT, exact resume, and a base model that no step changes.
#include <algorithm>
#include <cstring>
#include <filesystem>

#include "native/io/safetensors.h"
#include "native/model/state.h"
#include "native/train/checkpoint.h"
#include "native/train/memory_plan.h"
#include "test/native/backend_name.h"
#include "test/native/check.h"
#include "test/native/train/fixture.h"

using namespace belle;
using namespace belle::train;
using namespace belle::train::fixture;
namespace fs = std::filesystem;

namespace {

constexpr const char* kGoldens[] = {"llama-mha", "yi-gqa", "llama-hd128", "bloom-h4", "bloom-h6"};

std::vector<double> numbers(const Json& object, const char* key) {
  std::vector<double> values;
  for (const Json& item : *object.find(key)->array()) item.number(&values.emplace_back());
  return values;
}

// train.input_ids [40, 2, 32]: each row is its own document.
std::vector<Batch> golden_batches(const io::SafetensorsFile& tensors) {
  const auto integers = [&](const char* name) {
    const io::TensorView& view = *tensors.find(name);
    std::vector<int64_t> values(static_cast<size_t>(view.elements()));
    std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
    return values;
  };
  const auto ids = integers("train.input_ids"), labels = integers("train.labels");
  std::vector<Batch> batches(40);
  for (size_t i = 0; i < batches.size(); ++i) {
    const auto begin = static_cast<ptrdiff_t>(i * 64);
    batches[i].input_ids.assign(ids.begin() + begin, ids.begin() + begin + 64);
    batches[i].labels.assign(labels.begin() + begin, labels.begin() + begin + 64);
    batches[i].cu_seqlens = {0, 32, 64};
  }
  return batches;
}

struct Frozen {
  std::vector<std::vector<float>> values;
  explicit Frozen(const model::Model& model) {
    for (const model::Parameter& p : model.parameters()) values.push_back(model.read_parameter(p).take());
  }
  // Everything outside `trained` has the bits it had, everything inside other ones.
  void check(const model::Model& model, model::ParameterRange trained) const {
    for (size_t i = 0; i < values.size(); ++i) {
      const model::Parameter& p = model.parameters()[i];
      CHECK_EQ(model.read_parameter(p).take() == values[i], !trained.contains(p.offset));
    }
  }
};

struct Figures {
  std::vector<double> losses, norms;
};

Figures train_golden(const std::string& folder, const Json& golden, const io::SafetensorsFile& tensors,
                     DType dtype, std::unique_ptr<model::Model>* out) {
  TrainConfig config;
  config.learning_rate = 2e-3;
  config.lr_scheduler_type = Schedule::cosine;
  config.max_steps = *golden.find("steps")->integer();
  config.trainable = Trainable::lora;
  Run run;
  auto loaded = model::Model::load(folder, {.backend = test::backend_name(), .threads = 2, .dtype = dtype});
  CHECK_OK(loaded.status());
  if (!loaded.ok()) std::abort();  // its tensors and its golden are there
  run.model = loaded.take();
  CHECK_OK(run.model->load_adapter(folder + "/lora-initial"));
  const Frozen before(*run.model);
  CHECK_OK(run.create(config, golden_batches(tensors)));
  CHECK_OK(run.run());
  before.check(*run.model, run.model->state().map.adapter_range());
  Figures figures;
  for (const StepEvent& step : run.events.steps) {
    figures.losses.push_back(step.loss);
    figures.norms.push_back(step.grad_norm);
  }
  run.trainer.reset();
  *out = std::move(run.model);
  return figures;
}

model::LoraConfig every_layer() { return {.r = 4, .alpha = 8, .target_modules = {"all-linear"}, .seed = 3}; }

// A run over random batches that saves, of a fresh model with a fresh adapter.
struct Saving {
  TrainConfig config = quick_config();
  Run run;
  Status create(const model::LoraConfig& lora, DType dtype, bool bloom = false) {
    config.num_train_epochs = 2;
    config.trainable = Trainable::lora;
    run.model = bloom ? tiny_bloom(1, dtype) : tiny_model(1, dtype);
    CHECK_OK(run.model->add_lora(lora));
    return run.create(config, random_batches(7));
  }
};

std::string bytes_of(const std::string& path) {
  auto read = io::read_file(path, 1u << 30);
  CHECK_OK(read.status());
  return read.ok() ? read.take() : "";
}

}  // namespace

TEST("lora: 10 steps of PEFT's adapters, the base's bits untouched; bfloat16 stays near") {
  if (test::shared_folder().empty()) return test::skip("no shared folder");
  for (const char* name : kGoldens) {
    const std::string folder = test::shared_folder() + "/goldens/" + name;
    const auto json = io::read_json_file(folder + "/golden.json");
    const auto tensors = io::SafetensorsFile::open(folder + "/golden.safetensors");
    const auto adapter = io::SafetensorsFile::open(folder + "/lora-final/adapter_model.safetensors");
    CHECK_OK(json.status());
    CHECK_OK(tensors.status());
    CHECK_OK(adapter.status());
    if (!json.ok() || !tensors.ok() || !adapter.ok()) continue;
    const Json& golden = *json.value().find("lora");
    std::unique_ptr<model::Model> model;
    const Figures found = train_golden(folder, golden, tensors.value(), DType::f32, &model);
    const double loss = worst_relative(found.losses, numbers(golden, "losses"));
    const double norm = worst_relative(found.norms, numbers(golden, "grad_norms"));
    double weights = 0;
    for (const model::Parameter& p : model->parameters()) {
      if (!p.adapter) continue;
      std::vector<float> expected(static_cast<size_t>(p.elements));
      CHECK_OK(io::to_float32(*adapter.value().find(p.name), expected.data()));
      const std::vector<float> got = model->read_parameter(p).take();
      double difference = 0, size = 0;
      for (size_t i = 0; i < expected.size(); ++i) {
        difference += std::pow(double{got[i]} - double{expected[i]}, 2);
        size += std::pow(double{expected[i]}, 2);
      }
      weights = std::max(weights, std::sqrt(difference / size));
    }
    const Figures half = train_golden(folder, golden, tensors.value(), DType::bf16, &model);
    const double half_loss = worst_relative(half.losses, numbers(golden, "losses"));
    std::cout << "    " << name << ": worst relative loss " << loss << ", gradient norm " << norm
              << ", adapter " << weights << "; bfloat16 loss " << half_loss << "\n";
    CHECK(loss <= 1e-5);
    CHECK(norm <= 1e-4);
    CHECK(weights <= 1e-3);
    CHECK(half_loss <= 2e-2);
  }
}

TEST("lora: stopped after any step, the rest of the run has the same bits") {
  for (const DType dtype : kTypes) {
    for (const bool bloom : {false, true}) {
      for (const bool embeddings : {false, true}) {
        model::LoraConfig lora = every_layer();
        if (embeddings) lora.modules_to_save = {bloom ? "word_embeddings" : "embed_tokens", "lm_head"};
        Saving whole;
        whole.config.output_dir = test::temporary_folder();
        CHECK_OK(whole.create(lora, dtype, bloom));
        const Frozen before(*whole.run.model);
        CHECK_OK(whole.run.run());
        before.check(*whole.run.model, whole.run.model->state().map.adapter_range());
        const std::string folder = test::temporary_folder();
        Saving first, second;
        first.config.output_dir = second.config.output_dir = folder;
        CHECK_OK(first.create(lora, dtype, bloom));
        first.run.stop_after(3);
        CHECK(first.run.run().code() == StatusCode::aborted);
        lora.seed = 4;  // the checkpoint's adapter wins
        CHECK_OK(second.create(lora, dtype, bloom));
        const auto resumed = second.run.resume();
        CHECK_OK(resumed.status());
        CHECK(resumed.ok() && resumed.value() == 3);
        CHECK_OK(second.run.run());
        CHECK(weights_of(*second.run.model) == weights_of(*whole.run.model));
        CHECK_EQ(second.run.events.steps.back().loss, whole.run.events.steps.back().loss);
        for (const char* file : {"adapter_model.safetensors", "adapter_config.json",
                                 "trainer_state.safetensors", "trainer_state.json", "MANIFEST.json"}) {
          CHECK(bytes_of(folder + "/checkpoint-8/" + file) ==
                bytes_of(whole.config.output_dir + "/checkpoint-8/" + file));
        }
      }
    }
  }
}

TEST("lora: a checkpoint is the adapter, not the model, and loads as one") {
  for (const DType dtype : kTypes) {
    Saving saving;
    saving.config.output_dir = test::temporary_folder();
    CHECK_OK(saving.create(every_layer(), dtype));
    CHECK_OK(saving.run.run());
    const std::string path = saving.config.output_dir + "/checkpoint-8";
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    CHECK_EQ(names,
             (std::vector<std::string>{"MANIFEST.json", "adapter_config.json", "adapter_model.safetensors",
                                       "trainer_state.json", "trainer_state.safetensors"}));
    const auto state = io::SafetensorsFile::open(path + "/trainer_state.safetensors");
    CHECK_OK(state.status());
    const size_t adapters = 2 * 7 * 2;  // A and B of seven linear layers in each of two blocks
    CHECK_EQ(state.value().tensors().size(), adapters * (dtype == DType::f32 ? 2 : 3));
    auto fresh = tiny_model(1, dtype);
    CHECK_OK(fresh->load_adapter(path));
    CHECK(weights_of(*fresh) == weights_of(*saving.run.model));
  }
}

TEST("lora: another base, another adapter or another dtype is refused, and nothing is changed") {
  Saving saving;
  saving.config.output_dir = test::temporary_folder();
  CHECK_OK(saving.create(every_layer(), DType::f32));
  CHECK_OK(saving.run.run());
  const std::string path = saving.config.output_dir + "/checkpoint-8";
  const auto refused = [&](const model::LoraConfig& lora, bool other_base, DType dtype,
                           const std::string& message) {
    Saving other;
    other.config.output_dir = saving.config.output_dir;
    other.config.num_train_epochs = 2;
    other.config.trainable = Trainable::lora;
    other.run.model = tiny_model(1, dtype);
    if (other_base) {
      const model::Parameter& norm = other.run.model->parameters()[1];
      std::vector<float> values = other.run.model->read_parameter(norm).take();
      values[5] += 0.5f;
      CHECK_OK(other.run.model->write_parameter(norm, values));
    }
    CHECK_OK(other.run.model->add_lora(lora));
    CHECK_OK(other.run.create(other.config, random_batches(7)));
    const std::vector<float> before = weights_of(*other.run.model);
    const auto resumed = other.run.resume();
    CHECK(resumed.status().code() == StatusCode::invalid_argument);
    CHECK_EQ(std::string(resumed.status().message()), message);
    CHECK(weights_of(*other.run.model) == before);
  };
  const std::string other = path +
                            " was written with an adapter of another base model, or of this one in another "
                            "dtype; resume with the same, or choose another output_dir to start afresh";
  refused(every_layer(), true, DType::f32, other);
  refused(every_layer(), false, DType::bf16, other);
  model::LoraConfig lora = every_layer();
  lora.alpha = 9;
  refused(lora, false, DType::f32,
          path +
              " was written with another adapter; give the model the same r, lora_alpha, target_modules and "
              "modules_to_save, or choose another output_dir to start afresh");
}

TEST("lora: what is trained fits the model, or is refused before anything is planned") {
  Run run;
  TrainConfig config = quick_config();
  config.trainable = Trainable::lora;
  CHECK_EQ(
      std::string(run.create(config, random_batches(3)).message()),
      "trainable is lora, but the model has no adapter; make one with addLora or load one with loadAdapter");
  CHECK_OK(run.model->add_lora(every_layer()));
  for (const Trainable trainable : {Trainable::all, Trainable::embeddings}) {
    config.trainable = trainable;
    const std::string word = trainable == Trainable::all ? "all" : "embeddings";
    CHECK_EQ(std::string(run.create(config, random_batches(3)).message()),
             "trainable is " + word +
                 ", but the model has an adapter; train it with lora, or merge it with mergeAdapter first");
  }
}

TEST("lora: a model whose adapter was merged and replaced needs another trainer") {
  Saving saving;
  saving.config.output_dir = test::temporary_folder();
  CHECK_OK(saving.create(every_layer(), DType::f32));
  CHECK_OK(saving.run.model->merge_adapter());
  CHECK_OK(saving.run.model->add_lora(every_layer()));  // as many elements as before
  const std::string message =
      "the model's vocabulary or adapter changed after this trainer was created; create the trainer again";
  CHECK_EQ(std::string(saving.run.run().message()), message);
  CHECK_EQ(std::string(saving.run.resume().status().message()), message);
}

TEST("lora: the memory plan has gradients and moments of the adapters alone") {
  for (const DType dtype : kTypes) {
    for (const bool embeddings : {false, true}) {
      model::LoraConfig lora = every_layer();
      if (embeddings) lora.modules_to_save = {"embed_tokens", "lm_head"};
      Saving saving;
      CHECK_OK(saving.create(lora, dtype));
      const model::Model& model = *saving.run.model;
      uint64_t trained = 0;
      for (const model::Parameter& p : model.parameters()) {
        if (p.adapter || (embeddings && p.embedding)) trained += static_cast<uint64_t>(p.elements);
      }
      const MemoryPlan plan = plan_memory(model.config(), model.state().map, dtype, saving.config, 48, 2,
                                          backend::logit_room(model.backend().name));
      int checked = 0;
      for (const MemoryItem& item : plan.items) {
        const std::string name = item.name;
        const uint64_t size = name == "gradients" || name.starts_with("adam_")     ? 4
                              : name == "master_remainder" && dtype == DType::bf16 ? 2
                                                                                   : 0;
        if (size == 0) continue;
        ++checked;
        // Sixteen elements a tensor at the most go into alignment.
        CHECK(item.bytes >= size * trained &&
              item.bytes <= size * (trained + 16 * model.parameters().size()));
      }
      CHECK_EQ(checked, dtype == DType::bf16 ? 4 : 3);
    }
  }
}
