// planTraining: what a run of a config.json would hold and compute, without making the model.
#include <numeric>

#include "native/addon/arguments.h"
#include "native/addon/errors.h"
#include "native/addon/instance.h"
#include "native/addon/lora.h"
#include "native/addon/train_config.h"
#include "native/core/json.h"
#include "native/model/decoder_config.h"
#include "native/model/weight_map.h"
#include "native/train/flops.h"
#include "native/train/memory_plan.h"
#include "native/train/optimizer.h"

namespace belle::addon {
namespace {

Napi::Value plan_training(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string text = string_argument(info[0], "config");
  const Options options(info[1], "options");
  const DType dtype = dtype_option(options, "dtype");
  const int64_t tokens = options.integer("tokens", 1, INT32_MAX);
  const int64_t window = options.integer("window", 1, INT32_MAX);
  const std::string backend = options.string("backend");
  const train::TrainConfig train = train_config(info[2]);
  const Json json = take(env, parse_json(text));
  const model::DecoderConfig config = take(env, model::parse_decoder_config(json));

  model::WeightMap map = model::make_weight_map(config);
  if (train.trainable == train::Trainable::lora) {
    take(env,
         model::add_adapters(config, lora_argument(options.get("lora"), options.path("lora")), true, &map));
  }
  const int64_t parameters = std::accumulate(
      map.parameters.begin(), map.parameters.end(), int64_t{0},
      [](int64_t sum, const model::Parameter& parameter) { return sum + parameter.elements; });
  const train::StepFlops flops =
      train::step_flops(config, map.parameters, train::trained_range(map, train.trainable));
  const std::vector<train::MemoryItem> items =
      train::plan_memory(config, map, dtype, train, tokens, window, backend::logit_room(backend)).items;

  Napi::Array memory = Napi::Array::New(env, items.size());
  for (uint32_t i = 0; i < memory.Length(); ++i) {
    const Napi::HandleScope scope(env);
    Napi::Object row = Napi::Object::New(env);
    row.Set("name", std::string(items[i].name));
    row.Set("bytes", Napi::Number::New(env, static_cast<double>(items[i].bytes)));
    memory.Set(i, row);
  }
  Napi::Object plan = Napi::Object::New(env);
  const auto number = [&](const char* key, double value) { plan.Set(key, Napi::Number::New(env, value)); };
  number("parameters", static_cast<double>(parameters));
  number("numHiddenLayers", static_cast<double>(config.num_hidden_layers));
  number("vocabSize", static_cast<double>(config.vocab_size));
  number("maxPositionEmbeddings", static_cast<double>(config.max_position_embeddings));
  number("flopsPerToken", flops.per_token);
  number("flopsPerSquaredLength", flops.per_squared_length);
  plan.Set("memory", memory);
  return plan;
}

}  // namespace

void define_plan(Napi::Env env, Napi::Object exports) {
  exports.Set("planTraining", Napi::Function::New<plan_training>(env, "planTraining"));
}

}  // namespace belle::addon
