#include "native/train/step_plan.h"

#include <algorithm>
#include <cmath>

#include "native/core/json.h"
#include "native/core/sha256.h"

namespace belle::train {

static Status refuse(const std::string& key, const std::string& must, double value) {
  return Status(StatusCode::invalid_argument, key + " must be " + must + ", not " + Json(value).dump());
}

Status check_config(const TrainConfig& c) {
  const auto finite_from = [](double value, double least) { return std::isfinite(value) && value >= least; };
  const auto share = [](double value) { return value >= 0 && value <= 1; };
  const auto beta = [](double value) { return value >= 0 && value < 1; };
  if (!finite_from(c.learning_rate, 0)) return refuse("learning_rate", "0 or more", c.learning_rate);
  if (!finite_from(c.weight_decay, 0)) return refuse("weight_decay", "0 or more", c.weight_decay);
  if (!beta(c.adam_beta1)) return refuse("adam_beta1", "from 0 to below 1", c.adam_beta1);
  if (!beta(c.adam_beta2)) return refuse("adam_beta2", "from 0 to below 1", c.adam_beta2);
  if (!finite_from(c.adam_epsilon, 0) || c.adam_epsilon == 0) {
    return refuse("adam_epsilon", "more than 0", c.adam_epsilon);
  }
  if (!finite_from(c.max_grad_norm, 0))
    return refuse("max_grad_norm", "0 (no clipping) or more", c.max_grad_norm);
  if (!share(c.warmup_ratio)) return refuse("warmup_ratio", "from 0 to 1", c.warmup_ratio);
  if (!share(c.decay_ratio)) return refuse("decay_ratio", "from 0 to 1", c.decay_ratio);
  if (!finite_from(c.num_train_epochs, 0)) return refuse("num_train_epochs", "0 or more", c.num_train_epochs);
  if (!finite_from(c.peak_flops, 0)) return refuse("peak_flops", "0 or more", c.peak_flops);
  const std::pair<const char*, int64_t> from_zero[] = {{"warmup_steps", c.warmup_steps},
                                                       {"max_steps", c.max_steps},
                                                       {"eval_steps", c.eval_steps},
                                                       {"save_steps", c.save_steps},
                                                       {"save_total_limit", c.save_total_limit}};
  for (const auto& [key, value] : from_zero) {
    if (value < 0) return refuse(key, "0 or more", static_cast<double>(value));
  }
  if (c.gradient_accumulation_steps < 1 || c.gradient_accumulation_steps > 1 << 20) {
    return refuse("gradient_accumulation_steps", "from 1 to 1048576",
                  static_cast<double>(c.gradient_accumulation_steps));
  }
  return {};
}

Result<StepPlan> plan_steps(const TrainConfig& config, uint64_t micro_batches) {
  if (micro_batches == 0) {
    return Status(StatusCode::invalid_argument, "there is no training data: the source holds no micro-batch");
  }
  StepPlan plan;
  plan.micro_batches = micro_batches;
  plan.accumulation = static_cast<uint64_t>(config.gradient_accumulation_steps);
  plan.steps_per_epoch = static_cast<int64_t>((micro_batches + plan.accumulation - 1) / plan.accumulation);
  const double by_epochs = std::ceil(config.num_train_epochs * static_cast<double>(plan.steps_per_epoch));
  if (config.max_steps == 0 && !(by_epochs >= 1 && by_epochs < 0x1p53)) {
    return refuse("num_train_epochs", "such that there is at least one step (or set max_steps)",
                  config.num_train_epochs);
  }
  plan.total_steps = config.max_steps > 0 ? config.max_steps : static_cast<int64_t>(by_epochs);
  const double by_ratio = std::ceil(static_cast<double>(plan.total_steps) * config.warmup_ratio);
  plan.warmup_steps = config.warmup_steps > 0 ? config.warmup_steps : static_cast<int64_t>(by_ratio);
  return plan;
}

Window StepPlan::window(int64_t step) const {
  Window window;
  window.epoch = static_cast<uint64_t>(step / steps_per_epoch);
  window.first = static_cast<uint64_t>(step % steps_per_epoch) * accumulation;
  window.last = std::min(window.first + accumulation, micro_batches);
  return window;
}

std::string fingerprint_of(const TrainConfig& c) {
  const Json fields(Json::Object{{"learning_rate", c.learning_rate},
                                 {"weight_decay", c.weight_decay},
                                 {"adam_beta1", c.adam_beta1},
                                 {"adam_beta2", c.adam_beta2},
                                 {"adam_epsilon", c.adam_epsilon},
                                 {"max_grad_norm", c.max_grad_norm},
                                 {"lr_scheduler_type", static_cast<int64_t>(c.lr_scheduler_type)},
                                 {"warmup_ratio", c.warmup_ratio},
                                 {"warmup_steps", c.warmup_steps},
                                 {"decay_ratio", c.decay_ratio},
                                 {"gradient_accumulation_steps", c.gradient_accumulation_steps},
                                 {"per_device_train_batch_size", c.per_device_train_batch_size},
                                 {"num_train_epochs", c.num_train_epochs},
                                 {"max_steps", c.max_steps},
                                 {"trainable", static_cast<int64_t>(c.trainable)},
                                 {"packing", c.packing},
                                 {"shuffle", c.shuffle}});
  const std::string text = fields.dump();
  return sha256_hex(text.data(), text.size());
}

}  // namespace belle::train
