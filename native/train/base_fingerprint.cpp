#include "native/train/base_fingerprint.h"

#include <algorithm>
#include <vector>

#include "native/core/sha256.h"
#include "native/model/state.h"

namespace belle::train {

static constexpr int64_t kPiece = 1 << 20;  // elements read from the device at a time

Result<std::string> base_fingerprint(const model::Model& model, model::ParameterRange trained) {
  const model::Model::State& state = model.state();
  const belle_backend& b = model.backend();
  const size_t size = dtype_size(state.dtype);
  std::vector<uint8_t> piece;
  Sha256 hash;
  for (const model::Parameter& parameter : model.parameters()) {
    if (trained.contains(parameter.offset)) continue;
    const std::string title = parameter.name + " " + model::show_shape(parameter.shape) + "\n";
    hash.update(title.data(), title.size());
    for (int64_t done = 0; done < parameter.elements; done += kPiece) {
      piece.resize(static_cast<size_t>(std::min(kPiece, parameter.elements - done)) * size);
      const void* from = state.weight(parameter.offset + done);
      BELLE_TRY(backend::from_c(b.read(b.context, piece.data(), from, piece.size())));
      hash.update(piece.data(), piece.size());
    }
  }
  return hash.hex();
}

}  // namespace belle::train
