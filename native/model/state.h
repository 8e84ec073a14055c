#pragma once
// Model::State: what a Model holds. Rooms above include it when they run the decoder themselves (infer).
#include <memory>
#include <vector>

#include "native/core/json.h"
#include "native/model/device_buffer.h"
#include "native/model/model.h"
#include "native/model/prepared_batch.h"
#include "native/model/weight_map.h"
#include "native/model/workspace.h"

namespace belle::model {

struct Model::State {
  DecoderConfig config;
  Json original_config;    // config.json as read; null when the model was created from a DecoderConfig
  Json generation_config;  // generation_config.json as read; null when there was none
  std::shared_ptr<belle_backend> backend;
  WeightMap map;
  DeviceBuffer weights;       // float32 [map.elements]
  std::vector<float> slopes;  // ALiBi, [heads]; empty with RoPE
  std::unique_ptr<Workspace> workspace;
  PreparedBatch prepared;  // the batch of the running pass; kept between passes, so that no step allocates

  const float* weight(int64_t offset) const { return offset < 0 ? nullptr : weights.floats() + offset; }
  // Keeps the workspace when it is large enough, else plans another one.
  Status ensure_workspace(int64_t tokens, bool training);
};

// Slopes of Press et al., "Train Short, Test Long" (ICLR 2022), as transformers' build_alibi_tensor computes
// them.
std::vector<float> alibi_slopes(int64_t heads);

}  // namespace belle::model
