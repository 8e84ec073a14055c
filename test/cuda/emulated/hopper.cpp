// The emulated device knows no instructions of Hopper: the kernels of sm_80 take all attention.
#include "cuda/attention/hopper/hopper.h"

namespace belle::cuda {

bool hopper_takes(const Context&, const AttentionInputs&) { return false; }

Status attention_forward_hopper(Context&, const AttentionInputs&, AttentionTasks) {
  return {StatusCode::unsupported, "attention: this device has no warp group products"};
}

Status attention_backward_hopper(Context&, const AttentionInputs&, const AttentionGradients&, int32_t,
                                 AttentionTasks) {
  return {StatusCode::unsupported, "attention_backward: this device has no warp group products"};
}

}  // namespace belle::cuda
