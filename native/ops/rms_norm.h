#pragma once
// RMSNorm (Zhang & Sennrich 2019) as Hugging Face LLaMA computes it in float32. Rows are independent of one
// another. Reference: rms_norm, rms_norm_backward in test/native/ops/reference.h.
#include "native/ops/kernel.h"

namespace belle::ops {

// out[rows, d] = x * rstd * weight[d], rstd[rows] = 1 / sqrt(mean(x^2) + eps). out may be x.
using RmsNorm = void(float* out, float* rstd, const float* x, const float* weight, float eps, int64_t rows,
                     int64_t d);
BELLE_KERNEL(RmsNorm, rms_norm)

// dx[rows, d] = rstd * (dout * weight - x * rstd^2 * mean(dout * weight * x)). dx may be dout.
using RmsNormBackward = void(float* dx, const float* dout, const float* x, const float* weight,
                             const float* rstd, int64_t rows, int64_t d);
BELLE_KERNEL(RmsNormBackward, rms_norm_backward)

// dweight[c] += sum over rows of dout * x * rstd, for the columns c in [first, last) of d.
using RmsNormWeightGradient = void(float* dweight, const float* dout, const float* x, const float* rstd,
                                   int64_t rows, int64_t d, int64_t first, int64_t last);
BELLE_KERNEL(RmsNormWeightGradient, rms_norm_weight_gradient)

}  // namespace belle::ops
