#pragma once
// Elementwise ops over n elements. Every output may be the same buffer as an input; partial overlap is not
// allowed. References: swiglu, gelu_tanh and their backwards in test/native/ops/reference.h.
#include "native/ops/kernel.h"

namespace belle::ops {

// out = gate / (1 + e^-gate) * up
using SwiGlu = void(float* out, const float* gate, const float* up, int64_t n);
BELLE_KERNEL(SwiGlu, swiglu)

// With s = sigmoid(gate): dgate = dout * up * s * (1 + gate * (1 - s)), dup = dout * gate * s.
using SwiGluBackward = void(float* dgate, float* dup, const float* dout, const float* gate, const float* up,
                            int64_t n);
BELLE_KERNEL(SwiGluBackward, swiglu_backward)

// out = x/2 * (1 + tanh(0.79788456 * x * (1 + 0.044715 x^2))), the constants of Hugging Face BLOOM.
// Computed as x * sigmoid(2u), which is the same function without the cancellation of 1 + tanh for negative
// x.
using GeluTanh = void(float* out, const float* x, int64_t n);
BELLE_KERNEL(GeluTanh, gelu_tanh)

using GeluTanhBackward = void(float* dx, const float* dout, const float* x, int64_t n);
BELLE_KERNEL(GeluTanhBackward, gelu_tanh_backward)

// out = a + b
using Add = void(float* out, const float* a, const float* b, int64_t n);
BELLE_KERNEL(Add, add)

// out = e^x: the exponential inside the kernels, in the table so that its error is tested by itself.
using Exponential = void(float* out, const float* x, int64_t n);
BELLE_KERNEL(Exponential, exponentials)

}  // namespace belle::ops
