#pragma once
// One AdamW update (Loshchilov & Hutter 2019), the operations of torch.optim.AdamW in its order and its
// precision. Reference: adamw in test/native/ops/reference.h.
#include "native/core/adamw_scalars.h"
#include "native/ops/kernel.h"

namespace belle::ops {

// g = grad * grad_scale; w *= decay; m += (g - m) * (1 - beta1); v = v * beta2 + (1 - beta2) g g;
// w -= step_size * m / (sqrt(v) / sqrt(1 - beta2^step) + eps). The buffers do not overlap.
// float32: weight is w, remainder is not read. bfloat16: bits(w) = (weight << 16) + remainder, the very same
// w.
using AdamW = void(void* weight, int16_t* remainder, const float* grad, float* m, float* v, int64_t n,
                   const AdamWScalars& scalars, Type type);
BELLE_KERNEL(AdamW, adamw)

}  // namespace belle::ops
