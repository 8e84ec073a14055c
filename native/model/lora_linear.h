#pragma once
// y += scale (x A^T) B^T of each adapted range of columns, and its gradients, over the backend's one gemm.
// x [T, in], y [T, width]; adapters have the model's dtype, their gradients are float32.
#include "native/core/status.h"
#include "native/model/decoder.h"

namespace belle::model {

inline const LoraLayer& lora_of(const Pass& pass, int64_t layer) {
  return pass.state.map.lora[static_cast<size_t>(layer)];
}

inline bool lora_trained(const Gradients& gradients, const LoraGroup& group) {
  return group.rank > 0 && gradients.at(group.a) != nullptr;
}

// y += the group's adapters of x
Status lora_forward(const Pass& pass, const LoraGroup& group, void* y, const void* x);
// dx += their gradient at x; dA and dB where they are trained. x as forward had it; read for dA and dB only.
Status lora_backward(const Pass& pass, const Gradients& gradients, const LoraGroup& group, void* dx,
                     const void* dy, const void* x);

}  // namespace belle::model
