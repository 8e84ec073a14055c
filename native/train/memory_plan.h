#pragma once
// The memory of a training run, item by item, before anything of it is allocated.
#include <cstdint>
#include <vector>

#include "native/core/dtype.h"
#include "native/model/decoder_config.h"
#include "native/model/weight_map.h"
#include "native/model/workspace.h"
#include "native/train/trainer.h"

namespace belle::train {

struct MemoryItem {
  const char* name;
  uint64_t bytes;
};

struct MemoryPlan {
  // weights, master_remainder, gradients, adam_m, adam_v, saved_activations, scratch_activations,
  // logits_chunk: on the device. batch_window: on the host.
  std::vector<MemoryItem> items;
  uint64_t total() const;
};

// What activations a run needs.
model::WorkspaceSpec workspace_spec(const TrainConfig& config, int64_t tokens_per_micro_batch);

// map: the model's, adapters included. tokens_per_micro_batch: the most of any, evaluation included;
// micro_batches_in_window: those held at once, one more for an evaluation. room: of the backend that runs it.
MemoryPlan plan_memory(const model::DecoderConfig& model, const model::WeightMap& map, DType dtype,
                       const TrainConfig& config, int64_t tokens_per_micro_batch,
                       int64_t micro_batches_in_window, backend::LogitRoom room);

}  // namespace belle::train
