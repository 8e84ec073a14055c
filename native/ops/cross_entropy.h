#pragma once
// Softmax cross-entropy of one row of logits. Reference: linear_cross_entropy in test/native/ops/reference.h.
#include "native/ops/kernel.h"

namespace belle::ops {

// Returns -log softmax(logits)[target] over n logits (float32 exponentials, their sum in float64 per 64
// vectors). With gradient = 1 the logits are overwritten by grad_scale * (softmax - onehot(target)), computed
// in float32 and rounded once to their type; else they are left alone.
using CrossEntropy = float(void* logits, int64_t n, int64_t target, int32_t gradient, float grad_scale,
                           Type type);
BELLE_KERNEL(CrossEntropy, cross_entropy)

}  // namespace belle::ops
