#pragma once
// y = x W^T + b and its gradients, over the backend's one gemm. W is [out, in], x [rows, in], y [rows, out];
// float32.
#include <cstdint>

#include "native/backend/registry.h"
#include "native/core/status.h"

namespace belle::model {

inline Status linear(const belle_backend& b, float* y, const float* x, const float* w, const float* bias,
                     int64_t rows, int64_t out, int64_t in) {
  const belle_gemm_args args{.m = rows,
                             .n = out,
                             .k = in,
                             .a = x,
                             .lda = in,
                             .transpose_a = 0,
                             .b = w,
                             .ldb = in,
                             .transpose_b = 1,
                             .c = y,
                             .ldc = out,
                             .alpha = 1,
                             .beta = 0,
                             .bias = bias,
                             .residual = nullptr,
                             .a_type = BELLE_F32,
                             .b_type = BELLE_F32,
                             .c_type = BELLE_F32};
  return backend::from_c(b.gemm(b.context, &args));
}

// dx (+)= dy W
inline Status linear_backward_input(const belle_backend& b, float* dx, const float* dy, const float* w,
                                    int64_t rows, int64_t out, int64_t in, bool accumulate) {
  const belle_gemm_args args{.m = rows,
                             .n = in,
                             .k = out,
                             .a = dy,
                             .lda = out,
                             .transpose_a = 0,
                             .b = w,
                             .ldb = in,
                             .transpose_b = 0,
                             .c = dx,
                             .ldc = in,
                             .alpha = 1,
                             .beta = accumulate ? 1.0f : 0.0f,
                             .bias = nullptr,
                             .residual = nullptr,
                             .a_type = BELLE_F32,
                             .b_type = BELLE_F32,
                             .c_type = BELLE_F32};
  return backend::from_c(b.gemm(b.context, &args));
}

// dW += dy^T x, db += column sums of dy (db may be null)
inline Status linear_backward_weight(const belle_backend& b, float* dw, float* db, const float* dy,
                                     const float* x, int64_t rows, int64_t out, int64_t in) {
  const belle_gemm_args args{.m = out,
                             .n = in,
                             .k = rows,
                             .a = dy,
                             .lda = out,
                             .transpose_a = 1,
                             .b = x,
                             .ldb = in,
                             .transpose_b = 0,
                             .c = dw,
                             .ldc = in,
                             .alpha = 1,
                             .beta = 1,
                             .bias = nullptr,
                             .residual = nullptr,
                             .a_type = BELLE_F32,
                             .b_type = BELLE_F32,
                             .c_type = BELLE_F32};
  BELLE_TRY(backend::from_c(b.gemm(b.context, &args)));
  return db == nullptr ? Status() : backend::from_c(b.bias_backward(b.context, db, dy, rows, out, BELLE_F32));
}

}  // namespace belle::model
