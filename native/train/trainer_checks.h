#pragma once
// What would otherwise fail at some later step: looked at before anything of a run is planned.
#include <string>
#include <vector>

#include "native/core/status.h"
#include "native/model/model.h"
#include "native/train/trainer.h"

namespace belle::train {

// Token ids and document lengths against the model; `what` is "the training data" or "the evaluation data".
Status check_source(const BatchSource& source, const model::DecoderConfig& config, const std::string& what);
// lora needs an adapter; nothing else can be trained beneath one.
Status check_trainable(const model::Model& model, Trainable trainable);
// Files there and names free in a checkpoint.
Status check_extra_files(const std::vector<std::string>& files);

}  // namespace belle::train
