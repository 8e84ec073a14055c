#pragma once
// Model::State: what a Model holds. Rooms above include it when they run the decoder themselves (infer).
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "native/core/json.h"
#include "native/model/device_buffer.h"
#include "native/model/device_value.h"
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
  DType dtype = DType::f32;  // of weights and activations
  std::string folder;        // the model was loaded from; empty when it was created
  WeightMap map;
  uint64_t layout = 0;    // counts the changes of map: what keeps offsets or addresses sees that they are old
  DeviceBuffer weights;   // dtype [map.adapters]
  DeviceBuffer adapters;  // dtype [map.elements - map.adapters]; apart, so that adding them moves nothing
  std::optional<LoraConfig> lora;  // of the adapters
  DeviceBuffer slopes;             // ALiBi, float32 [heads]; none with RoPE
  std::unique_ptr<Workspace> workspace;
  PreparedBatch prepared;  // the batch of the running pass; kept between passes, so that no step allocates

  int32_t type() const { return static_cast<int32_t>(dtype); }  // belle_dtype
  const void* weight(int64_t offset) const { return offset < 0 ? nullptr : weight_address(offset); }
  void* weight_address(int64_t offset) const {
    const bool adapter = offset >= map.adapters;
    return element(adapter ? adapters.data() : weights.data(), adapter ? offset - map.adapters : offset,
                   dtype);
  }
  // Keeps the workspace when it is large enough, else plans another one that recomputes as much.
  Status ensure_workspace(int64_t tokens, bool training);
};

// "the weights need ... bytes (why); what to do" when they do not fit.
Result<DeviceBuffer> allocate_weights(std::shared_ptr<belle_backend> backend, int64_t elements, DType dtype);

// Slopes of Press et al., "Train Short, Test Long" (ICLR 2022), as transformers' build_alibi_tensor computes
// them.
std::vector<float> alibi_slopes(int64_t heads);

}  // namespace belle::model
