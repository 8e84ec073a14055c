#include "native/model/state.h"

#include <cmath>

namespace belle::model {

Status Model::State::ensure_workspace(int64_t tokens, bool training) {
  if (workspace && workspace->spec().tokens >= tokens && (workspace->spec().training || !training)) return {};
  WorkspaceSpec spec = workspace ? workspace->spec() : WorkspaceSpec{};
  spec.tokens = tokens;
  spec.training = training;
  spec.lora_rank = map.lora_rank;
  workspace.reset();  // before the next one is made: both need not fit
  BELLE_ASSIGN(workspace, Workspace::create(backend, config, dtype, spec));
  return {};
}

Result<DeviceBuffer> allocate_weights(std::shared_ptr<belle_backend> backend, int64_t elements, DType dtype) {
  const uint64_t bytes = static_cast<uint64_t>(elements) * dtype_size(dtype);
  auto weights = DeviceBuffer::allocate(std::move(backend), bytes);
  if (weights.ok()) return weights;
  return Status(weights.status().code(), "the weights need " + std::to_string(bytes) + " bytes (" +
                                             weights.status().message() +
                                             "); use a smaller model or more memory");
}

std::vector<float> alibi_slopes(int64_t heads) {
  int64_t power = 1;
  while (power * 2 <= heads) power *= 2;
  std::vector<float> slopes;
  for (int64_t i = 0; i < heads; ++i) {
    // Heads beyond the power of two take the odd steps of the next finer geometric series.
    const double exponent = i < power
                                ? 8.0 * static_cast<double>(i + 1) / static_cast<double>(power)
                                : 4.0 * static_cast<double>(2 * (i - power) + 1) / static_cast<double>(power);
    slopes.push_back(static_cast<float>(std::exp2(-exponent)));
  }
  return slopes;
}

}  // namespace belle::model
