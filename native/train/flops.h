#pragma once
// Floating-point operations that a training step must do, for MFU (Chowdhery et al., "PaLM", 2022, appendix
// B), counting what is really needed: causal attention inside each document, and no weight gradient for
// frozen matrices.
#include <span>

#include "native/model/model.h"
#include "native/train/trainer.h"

namespace belle::train {

struct StepFlops {
  double per_token = 0;           // 4 per matmul parameter (forward, activation gradient) + 2 per trained one
  double per_squared_length = 0;  // attention: 6 * layers * heads * head_dim for a document's length squared

  double of(const Batch& batch) const;
};

StepFlops step_flops(const model::DecoderConfig& config, std::span<const model::Parameter> parameters,
                     model::ParameterRange trained);

}  // namespace belle::train
