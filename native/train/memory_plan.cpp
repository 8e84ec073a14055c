#include "native/train/memory_plan.h"

#include "native/model/workspace.h"
#include "native/train/optimizer.h"

namespace belle::train {

uint64_t MemoryPlan::total() const {
  uint64_t sum = 0;
  for (const MemoryItem& item : items) sum += item.bytes;
  return sum;
}

model::WorkspaceSpec workspace_spec(const TrainConfig& config, int64_t tokens_per_micro_batch) {
  return {.tokens = tokens_per_micro_batch,
          .training = true,
          .train_layers = config.trainable != Trainable::embeddings,
          .recompute = config.recompute};
}

MemoryPlan plan_memory(const model::DecoderConfig& config, const model::WeightMap& map, DType dtype,
                       const TrainConfig& train, int64_t tokens_per_micro_batch,
                       int64_t micro_batches_in_window, backend::LogitRoom room) {
  const auto trained = static_cast<uint64_t>(trained_range(map, train.trainable).elements());
  model::WorkspaceSpec spec = workspace_spec(train, tokens_per_micro_batch);
  spec.lora_rank = map.lora_rank;
  const model::WorkspaceBytes activations = model::Workspace::plan(config, dtype, spec, room);
  // Of each micro-batch ids, labels and at most as many documents; of the running one positions and targets.
  const auto tokens = static_cast<uint64_t>(tokens_per_micro_batch);
  const uint64_t window = static_cast<uint64_t>(micro_batches_in_window) * (3 * tokens + 1) + 2 * tokens;
  return {{{"weights", static_cast<uint64_t>(map.elements) * dtype_size(dtype)},
           {"master_remainder", dtype == DType::f32 ? 0 : trained * sizeof(int16_t)},
           {"gradients", trained * sizeof(float)},
           {"adam_m", trained * sizeof(float)},
           {"adam_v", trained * sizeof(float)},
           {"saved_activations", activations.saved},
           {"scratch_activations", activations.scratch},
           {"logits_chunk", activations.logits},
           {"batch_window", window * sizeof(int32_t)}}};
}

}  // namespace belle::train
