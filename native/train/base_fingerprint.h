#pragma once
// What an adapter's checkpoint says of the model beneath it.
#include <string>

#include "native/core/status.h"
#include "native/model/model.h"

namespace belle::train {

// sha256 over the names, shapes and bits of the weights outside `trained`, which no step changes.
Result<std::string> base_fingerprint(const model::Model& model, model::ParameterRange trained);

}  // namespace belle::train
