#include "native/addon/train_config.h"

#include <array>

#include "native/addon/arguments.h"

namespace belle::addon {
namespace {

constexpr std::array<const char*, 5> kSchedules = {"linear", "cosine", "constant", "constant_with_warmup",
                                                   "warmup_stable_decay"};          // in Schedule's order
constexpr std::array<const char*, 3> kTrainables = {"all", "embeddings", "lora"};   // in Trainable's order
constexpr std::array<const char*, 3> kRecomputes = {"none", "selective", "layer"};  // in Recompute's order

}  // namespace

train::TrainConfig train_config(const Napi::Value& value) {
  const Options options(value, "config");
  train::TrainConfig config;
  config.learning_rate = options.number("learning_rate");
  config.weight_decay = options.number("weight_decay");
  config.adam_beta1 = options.number("adam_beta1");
  config.adam_beta2 = options.number("adam_beta2");
  config.adam_epsilon = options.number("adam_epsilon");
  config.max_grad_norm = options.number("max_grad_norm");
  config.lr_scheduler_type = static_cast<train::Schedule>(options.one_of("lr_scheduler_type", kSchedules));
  config.warmup_ratio = options.number("warmup_ratio");
  config.warmup_steps = options.integer("warmup_steps", 0);
  config.decay_ratio = options.number("decay_ratio");
  config.gradient_accumulation_steps = options.integer("gradient_accumulation_steps", 1);
  config.per_device_train_batch_size = options.integer("per_device_train_batch_size", 1);
  config.num_train_epochs = options.number("num_train_epochs");
  config.max_steps = options.integer("max_steps", 0);
  config.trainable = static_cast<train::Trainable>(options.one_of("trainable", kTrainables));
  config.recompute = static_cast<model::Recompute>(options.one_of("recompute", kRecomputes));
  config.packing = options.boolean("packing");
  config.shuffle = options.boolean("shuffle");
  config.seed = static_cast<uint64_t>(options.integer("seed", 0));
  config.eval_steps = options.integer("eval_steps", 0);
  config.eval_on_start = options.boolean("eval_on_start");
  config.save_steps = options.integer("save_steps", 0);
  config.save_total_limit = options.integer("save_total_limit", 0);
  config.output_dir = options.string("output_dir");
  config.extra_files = options.strings("extra_files");
  config.config_fingerprint = options.string("config_fingerprint");
  config.peak_flops = options.number("peak_flops");
  return config;
}

}  // namespace belle::addon
