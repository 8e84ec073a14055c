#pragma once
// y = x W^T + b (+ residual) and its gradients, over the backend's one gemm. W is [out, in], x [rows, in], y
// [rows, out], all of `type`; weight gradients are float32.
#include <cstdint>

#include "native/backend/registry.h"
#include "native/core/status.h"

namespace belle::model {

struct LinearShape {
  int64_t rows, out, in;
  int32_t type;
};

// residual: [rows, out] added before the one rounding, or null; it may be y. bias may be null.
inline Status linear(const belle_backend& b, const LinearShape& s, void* y, const void* x, const void* w,
                     const void* bias, const void* residual, int32_t y_type) {
  const belle_gemm_args args{.m = s.rows,
                             .n = s.out,
                             .k = s.in,
                             .a = x,
                             .lda = s.in,
                             .transpose_a = 0,
                             .b = w,
                             .ldb = s.in,
                             .transpose_b = 1,
                             .c = y,
                             .ldc = s.out,
                             .alpha = 1,
                             .beta = 0,
                             .bias = bias,
                             .residual = residual,
                             .a_type = s.type,
                             .b_type = s.type,
                             .c_type = y_type};
  return backend::from_c(b.gemm(b.context, &args));
}
inline Status linear(const belle_backend& b, const LinearShape& s, void* y, const void* x, const void* w,
                     const void* bias, const void* residual = nullptr) {
  return linear(b, s, y, x, w, bias, residual, s.type);
}

// dx = dy W
inline Status linear_backward_input(const belle_backend& b, const LinearShape& s, void* dx, const void* dy,
                                    const void* w) {
  const belle_gemm_args args{.m = s.rows,
                             .n = s.in,
                             .k = s.out,
                             .a = dy,
                             .lda = s.out,
                             .transpose_a = 0,
                             .b = w,
                             .ldb = s.in,
                             .transpose_b = 0,
                             .c = dx,
                             .ldc = s.in,
                             .alpha = 1,
                             .beta = 0,
                             .bias = nullptr,
                             .residual = nullptr,
                             .a_type = s.type,
                             .b_type = s.type,
                             .c_type = s.type};
  return backend::from_c(b.gemm(b.context, &args));
}

// dW = dy^T x, or += unless `overwrite`; db += column sums of dy (db may be null)
inline Status linear_backward_weight(const belle_backend& b, const LinearShape& s, float* dw, float* db,
                                     const void* dy, const void* x, bool overwrite) {
  const belle_gemm_args args{.m = s.out,
                             .n = s.in,
                             .k = s.rows,
                             .a = dy,
                             .lda = s.out,
                             .transpose_a = 1,
                             .b = x,
                             .ldb = s.in,
                             .transpose_b = 0,
                             .c = dw,
                             .ldc = s.in,
                             .alpha = 1,
                             .beta = overwrite ? 0.0f : 1.0f,
                             .bias = nullptr,
                             .residual = nullptr,
                             .a_type = s.type,
                             .b_type = s.type,
                             .c_type = BELLE_F32};
  BELLE_TRY(backend::from_c(b.gemm(b.context, &args)));
  return db == nullptr ? Status()
                       : backend::from_c(b.bias_backward(b.context, db, dy, s.rows, s.out, s.type));
}

}  // namespace belle::model
