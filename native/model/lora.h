#pragma once
// Adapters of a model that are not its yet: made first, installed when nothing can fail any more.
#include "native/model/state.h"

namespace belle::model {

inline constexpr const char* kAdapterWeights = "adapter_model.safetensors";

struct Adapters {
  WeightMap map;  // the model's with the adapters appended
  LoraConfig config;
  DeviceBuffer memory;  // zeros until written

  void* address(int64_t offset, DType dtype) const {
    return element(memory.data(), offset - map.adapters, dtype);
  }
};

// every_target: as add_adapters has it. invalid_argument when the model has an adapter.
Result<Adapters> make_adapters(const Model::State& state, const LoraConfig& config, bool every_target);
void install_adapters(Model::State* state, Adapters made);

// The adapter_config.json of a folder.
Result<LoraConfig> read_lora_config(const std::string& folder);

struct NamedParameter {
  std::string name;
  const Parameter* parameter;  // of the map
};
// The tensors of adapter_model.safetensors.
std::vector<NamedParameter> adapter_tensors(const WeightMap& map);

// invalid_argument without an adapter.
Status check_adapter(const Model::State& state);

}  // namespace belle::model
