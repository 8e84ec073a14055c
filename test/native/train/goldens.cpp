// Against transformers and PyTorch: losses, gradient norms, learning rates and final weights of whole runs.
#include <cstring>
#include <functional>
#include <optional>

#include "native/io/safetensors.h"
#include "test/native/backend_name.h"
#include "test/native/check.h"
#include "test/native/train/fixture.h"

using namespace belle;
using namespace belle::train;

namespace {

constexpr const char* kModels[] = {"llama-mha", "yi-gqa", "llama-hd128", "bloom-h4", "bloom-h6"};

std::vector<int64_t> integers(const io::TensorView& view) {
  std::vector<int64_t> values(static_cast<size_t>(view.elements()));
  std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
  return values;
}

std::vector<double> numbers(const Json& array) {
  std::vector<double> values;
  for (const Json& item : *array.array()) item.number(&values.emplace_back());
  return values;
}

double number(const Json& object, const char* key) {
  double value = 0;
  CHECK(object.find(key) && object.find(key)->number(&value));
  return value;
}

struct Golden {
  std::string folder;
  Json json;
  io::SafetensorsFile tensors;

  // None, with a failed check, where a file is missing.
  static std::optional<Golden> open(const std::string& model) {
    const std::string folder = test::shared_folder() + "/goldens/" + model;
    auto json = io::read_json_file(folder + "/golden.json");
    auto tensors = io::SafetensorsFile::open(folder + "/golden.safetensors");
    CHECK_OK(json.status());
    CHECK_OK(tensors.status());
    if (!json.ok() || !tensors.ok()) return std::nullopt;
    return Golden{folder, json.take(), tensors.take()};
  }

  std::string name() const { return folder.substr(folder.rfind('/') + 1); }

  // [batches, rows, 32]: each row is its own document.
  std::vector<Batch> batches(const std::string& prefix) const {
    const io::TensorView& view = *tensors.find(prefix + ".input_ids");
    const std::vector<int64_t> ids = integers(view), labels = integers(*tensors.find(prefix + ".labels"));
    const auto rows = static_cast<size_t>(view.shape[1]), length = static_cast<size_t>(view.shape[2]);
    std::vector<Batch> made(static_cast<size_t>(view.shape[0]));
    for (size_t i = 0; i < made.size(); ++i) {
      const auto begin = static_cast<ptrdiff_t>(i * rows * length),
                 end = begin + static_cast<ptrdiff_t>(rows * length);
      made[i].input_ids.assign(ids.begin() + begin, ids.begin() + end);
      made[i].labels.assign(labels.begin() + begin, labels.begin() + end);
      for (size_t row = 0; row <= rows; ++row)
        made[i].cu_seqlens.push_back(static_cast<int32_t>(row * length));
    }
    return made;
  }
};

TrainConfig config_of(const Json& golden) {
  TrainConfig config;
  config.learning_rate = number(golden, "lr");
  config.weight_decay = number(golden, "wd");
  config.warmup_ratio = number(golden, "warm");
  config.max_grad_norm = number(golden, "clip");
  config.gradient_accumulation_steps = static_cast<int64_t>(number(golden, "accum"));
  config.max_steps = static_cast<int64_t>(number(golden, "steps"));
  config.lr_scheduler_type =
      *golden.find("sched")->string() == "cosine" ? Schedule::cosine : Schedule::constant;
  return config;
}

// Trains as the golden did; checks every step.
std::unique_ptr<model::Model> train_as(const Golden& golden, const char* run,
                                       std::unique_ptr<model::Model> model, Trainable trainable,
                                       const char* data) {
  const Json& expected = *golden.json.find(run);
  TrainConfig config = config_of(expected);
  config.trainable = trainable;
  fixture::Run trained;
  trained.model = std::move(model);
  CHECK_OK(trained.create(config, golden.batches(data)));
  CHECK_OK(trained.run());
  std::vector<double> losses, norms, rates;
  for (const StepEvent& step : trained.events.steps) {
    losses.push_back(step.loss);
    norms.push_back(step.grad_norm);
    rates.push_back(step.lr);
  }
  const double loss = fixture::worst_relative(losses, numbers(*expected.find("losses")));
  const double norm = fixture::worst_relative(norms, numbers(*expected.find("grad_norms")));
  std::cout << "    " << golden.name() << " " << run << ": worst relative loss " << loss << ", gradient norm "
            << norm << "\n";
  CHECK(loss <= 1e-4);
  CHECK(norm <= 1e-3);
  if (const Json* lrs = expected.find("lrs")) CHECK(rates == numbers(*lrs));
  trained.trainer.reset();
  return std::move(trained.model);
}

std::unique_ptr<model::Model> load(const Golden& golden) {
  auto model = model::Model::load(golden.folder, {.backend = test::backend_name(), .threads = 2});
  CHECK_OK(model.status());
  return model.ok() ? model.take() : nullptr;
}

// f on every golden whose files and model can be read.
void on_each(const std::function<void(const Golden&, std::unique_ptr<model::Model>)>& f) {
  for (const char* name : kModels) {
    const auto golden = Golden::open(name);
    auto model = golden ? load(*golden) : nullptr;
    if (model) f(*golden, std::move(model));
  }
}

}  // namespace

TEST("goldens: 20 AdamW steps with accumulation, warm-up, cosine and clipping") {
  if (test::shared_folder().empty()) return test::skip("no shared folder");
  on_each([](const Golden& golden, std::unique_ptr<model::Model> loaded) {
    const auto model = train_as(golden, "train", std::move(loaded), Trainable::all, "train");
    double worst = 0;
    for (const model::Parameter& parameter : model->parameters()) {
      const io::TensorView* view = golden.tensors.find("train.param." + parameter.name);
      CHECK(view != nullptr);
      if (!view) continue;
      std::vector<float> expected(static_cast<size_t>(view->elements()));
      CHECK_OK(io::to_float32(*view, expected.data()));
      const std::vector<float> got = model->read_parameter(parameter).take();
      double difference = 0, norm = 0;
      for (size_t i = 0; i < expected.size(); ++i) {
        difference += std::pow(double{got[i]} - expected[i], 2);
        norm += std::pow(double{expected[i]}, 2);
      }
      worst = std::max(worst, std::sqrt(difference / norm));
    }
    std::cout << "    " << golden.name() << " train: worst relative weight difference " << worst << "\n";
    CHECK(worst <= 1e-3);
  });
}

TEST("goldens: 10 steps at a constant rate") {
  if (test::shared_folder().empty()) return test::skip("no shared folder");
  on_each([](const Golden& golden, std::unique_ptr<model::Model> model) {
    train_as(golden, "train_constant", std::move(model), Trainable::all, "train");
  });
}

TEST("goldens: extended vocabulary, embeddings-only training leaves every other weight alone") {
  if (test::shared_folder().empty()) return test::skip("no shared folder");
  on_each([](const Golden& golden, std::unique_ptr<model::Model> model) {
    model::ResizeRequest resize;
    for (const Json& row : *golden.json.find("extend")->find("sub_tokens")->array()) {
      auto& ids = resize.sub_tokens.emplace_back();
      for (const Json& id : *row.array()) ids.push_back(static_cast<int32_t>(*id.integer()));
    }
    resize.rows = model->config().vocab_size + static_cast<int64_t>(resize.sub_tokens.size());
    CHECK_OK(model->resize_vocabulary(resize));
    std::vector<std::vector<float>> before;
    for (const model::Parameter& parameter : model->parameters())
      before.push_back(model->read_parameter(parameter).take());
    model = train_as(golden, "extend", std::move(model), Trainable::embeddings, "extend");
    for (size_t i = 0; i < before.size(); ++i) {
      const model::Parameter& parameter = model->parameters()[i];
      CHECK_EQ(model->read_parameter(parameter).take() == before[i], !parameter.embedding);
    }
  });
}
