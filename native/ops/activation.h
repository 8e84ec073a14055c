#pragma once
// Elementwise ops. Every output may be the same buffer as an input; partial overlap is not allowed.
// References: swiglu, gelu_tanh and their backwards in test/native/ops/reference.h.
#include "native/ops/kernel.h"

namespace belle::ops {

// out[rows, d] = gate / (1 + e^-gate) * up; row r of gate and up begins at r * stride.
using SwiGlu = void(void* out, const void* gate, const void* up, int64_t rows, int64_t d, int64_t stride,
                    Type type);
BELLE_KERNEL(SwiGlu, swiglu)

// With s = sigmoid(gate): dgate = dout * up * s * (1 + gate * (1 - s)), dup = dout * gate * s. dout is
// [rows, d]; row r of the others begins at r * stride.
using SwiGluBackward = void(void* dgate, void* dup, const void* dout, const void* gate, const void* up,
                            int64_t rows, int64_t d, int64_t stride, Type type);
BELLE_KERNEL(SwiGluBackward, swiglu_backward)

// out = x/2 * (1 + tanh(0.79788456 * x * (1 + 0.044715 x^2))), the constants of Hugging Face BLOOM.
// Computed as x * sigmoid(2u), which is the same function without the cancellation of 1 + tanh for negative
// x.
using GeluTanh = void(void* out, const void* x, int64_t n, Type type);
BELLE_KERNEL(GeluTanh, gelu_tanh)

using GeluTanhBackward = void(void* dx, const void* dout, const void* x, int64_t n, Type type);
BELLE_KERNEL(GeluTanhBackward, gelu_tanh_backward)

// out = a + b
using Add = void(void* out, const void* a, const void* b, int64_t n, Type type);
BELLE_KERNEL(Add, add)

// out = e^x: the exponential inside the kernels, in the table so that its error is tested by itself.
using Exponential = void(float* out, const float* x, int64_t n);
BELLE_KERNEL(Exponential, exponentials)

}  // namespace belle::ops
