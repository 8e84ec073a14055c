#pragma once
// LayerNorm (Ba et al. 2016) with weight and bias, biased variance. Rows are independent of one another.
// Reference: layer_norm, layer_norm_backward in test/native/ops/reference.h.
#include "native/ops/kernel.h"

namespace belle::ops {

// out[rows, d] = (x - mean) * rstd * weight[d] + bias[d]; mean[rows]; rstd[rows] = 1 / sqrt(variance + eps).
// out may be x.
using LayerNorm = void(void* out, float* mean, float* rstd, const void* x, const void* weight,
                       const void* bias, float eps, int64_t rows, int64_t d, Type type);
BELLE_KERNEL(LayerNorm, layer_norm)

// With g = dout * weight and h = (x - mean) * rstd: dx = rstd * (g - mean(g) - h * mean(g * h))
// (+ residual[rows, d]); dx may be dout or residual. dweight[d] and dbias[d], each when set, are overwritten
// with the sums over these rows of dout * h and of dout.
using LayerNormBackward = void(void* dx, float* dweight, float* dbias, const void* dout, const void* x,
                               const void* weight, const float* mean, const float* rstd, const void* residual,
                               int64_t rows, int64_t d, Type type);
BELLE_KERNEL(LayerNormBackward, layer_norm_backward)

}  // namespace belle::ops
