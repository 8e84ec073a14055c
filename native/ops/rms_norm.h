#pragma once
// RMSNorm (Zhang & Sennrich 2019) as Hugging Face LLaMA computes it in float32. Rows are independent of one
// another. Reference: rms_norm, rms_norm_backward in test/native/ops/reference.h.
#include "native/ops/kernel.h"

namespace belle::ops {

// out[rows, d] = x * rstd * weight[d], rstd[rows] = 1 / sqrt(mean(x^2) + eps). out may be x.
using RmsNorm = void(void* out, float* rstd, const void* x, const void* weight, float eps, int64_t rows,
                     int64_t d, Type type);
BELLE_KERNEL(RmsNorm, rms_norm)

// dx[rows, d] = rstd * (dout * weight - x * rstd^2 * mean(dout * weight * x)) (+ residual[rows, d]); dx may
// be dout or residual. dweight[d], when set, is overwritten with the sum over these rows of dout * x * rstd.
using RmsNormBackward = void(void* dx, float* dweight, const void* dout, const void* x, const void* weight,
                             const float* rstd, const void* residual, int64_t rows, int64_t d, Type type);
BELLE_KERNEL(RmsNormBackward, rms_norm_backward)

}  // namespace belle::ops
