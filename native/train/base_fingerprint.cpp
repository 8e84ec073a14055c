#include "native/train/base_fingerprint.h"

#include "native/core/sha256.h"
#include "native/model/state.h"

namespace belle::train {

Result<std::string> base_fingerprint(const model::Model& model, model::ParameterRange trained) {
  const model::Model::State& state = model.state();
  Sha256 hash;
  for (const model::Parameter& parameter : model.parameters()) {
    if (trained.contains(parameter.offset)) continue;
    const std::string title = parameter.name + " " + model::show_shape(parameter.shape) + "\n";
    hash.update(title.data(), title.size());
    const uint64_t bytes = static_cast<uint64_t>(parameter.elements) * dtype_size(state.dtype);
    BELLE_TRY(model::read_bytes(model.backend(), state.weight(parameter.offset), bytes,
                                [&](const void* piece, size_t size) {
                                  hash.update(piece, size);
                                  return Status();
                                }));
  }
  return hash.hex();
}

}  // namespace belle::train
