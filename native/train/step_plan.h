#pragma once
// StepPlan: which micro-batches make which optimizer step. Pure arithmetic, so that a position in a run is
// one number.
#include <cstdint>

#include "native/core/status.h"
#include "native/train/trainer.h"

namespace belle::train {

struct Window {  // the micro-batches [first, last) of an epoch
  uint64_t epoch = 0, first = 0, last = 0;
};

struct StepPlan {
  uint64_t micro_batches = 0;  // per epoch
  uint64_t accumulation = 1;
  int64_t steps_per_epoch = 0;  // ceil(micro_batches / accumulation): the last window may be short
  int64_t total_steps = 0;
  int64_t warmup_steps = 0;

  Window window(int64_t step) const;  // 0-based step
};

// Refuses a config that no run can follow; invalid_argument names the key.
Status check_config(const TrainConfig& config);

// As transformers.Trainer counts: max_steps, else ceil(num_train_epochs * steps_per_epoch).
Result<StepPlan> plan_steps(const TrainConfig& config, uint64_t micro_batches);

// sha256 over the fields that shape the result (not: where and how often it is saved).
std::string fingerprint_of(const TrainConfig& config);

}  // namespace belle::train
