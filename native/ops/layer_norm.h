#pragma once
// LayerNorm (Ba et al. 2016) with weight and bias, biased variance. Rows are independent of one another.
// Reference: layer_norm, layer_norm_backward in test/native/ops/reference.h.
#include "native/ops/kernel.h"

namespace belle::ops {

// out[rows, d] = (x - mean) * rstd * weight[d] + bias[d]; mean[rows]; rstd[rows] = 1 / sqrt(variance + eps).
// out may be x.
using LayerNorm = void(float* out, float* mean, float* rstd, const float* x, const float* weight,
                       const float* bias, float eps, int64_t rows, int64_t d);
BELLE_KERNEL(LayerNorm, layer_norm)

// With g = dout * weight and h = (x - mean) * rstd: dx = rstd * (g - mean(g) - h * mean(g * h)). dx may be
// dout.
using LayerNormBackward = void(float* dx, const float* dout, const float* x, const float* weight,
                               const float* mean, const float* rstd, int64_t rows, int64_t d);
BELLE_KERNEL(LayerNormBackward, layer_norm_backward)

// dweight[c] += sum over rows of dout * (x - mean) * rstd, for the columns c in [first, last) of d.
using LayerNormWeightGradient = void(float* dweight, const float* dout, const float* x, const float* mean,
                                     const float* rstd, int64_t rows, int64_t d, int64_t first, int64_t last);
BELLE_KERNEL(LayerNormWeightGradient, layer_norm_weight_gradient)

}  // namespace belle::ops
