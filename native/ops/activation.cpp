#include "native/ops/activation.h"

#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

void swiglu(float* out, const float* gate, const float* up, int64_t n) {
  for_vectors(n, [&](int64_t i, int64_t count) {
    const vf g = load_first(gate + i, count);
    store_first(out + i, g / (splat(1.0f) + exponential(-g)) * load_first(up + i, count), count);
  });
}

void swiglu_backward(float* dgate, float* dup, const float* dout, const float* gate, const float* up,
                     int64_t n) {
  for_vectors(n, [&](int64_t i, int64_t count) {
    const vf g = load_first(gate + i, count), u = load_first(up + i, count), d = load_first(dout + i, count);
    const auto [s, rest] = sigmoid(g);
    store_first(dgate + i, d * u * s * mul_add(g, rest, splat(1.0f)), count);
    store_first(dup + i, d * g * s, count);
  });
}

// u = kRoot * x * (1 + kCubic x^2)
constexpr float kRoot = 0.79788456f;  // sqrt(2 / pi)
constexpr float kCubic = 0.044715f;

BELLE_INLINE Sigmoid gelu_gate(vf x) {
  return sigmoid(splat(2.0f * kRoot) * x * mul_add(splat(kCubic) * x, x, splat(1.0f)));
}

void gelu_tanh(float* out, const float* x, int64_t n) {
  for_vectors(n, [&](int64_t i, int64_t count) {
    const vf v = load_first(x + i, count);
    store_first(out + i, v * gelu_gate(v).value, count);
  });
}

void gelu_tanh_backward(float* dx, const float* dout, const float* x, int64_t n) {
  for_vectors(n, [&](int64_t i, int64_t count) {
    const vf v = load_first(x + i, count);
    const auto [s, rest] = gelu_gate(v);
    const vf slope = splat(2.0f * kRoot) * mul_add(splat(3.0f * kCubic) * v, v, splat(1.0f));
    const vf derivative = mul_add(v * s * rest, slope, s);
    store_first(dx + i, load_first(dout + i, count) * derivative, count);
  });
}

void add(float* out, const float* a, const float* b, int64_t n) {
  for_vectors(n, [&](int64_t i, int64_t count) {
    store_first(out + i, load_first(a + i, count) + load_first(b + i, count), count);
  });
}

void exponentials(float* out, const float* x, int64_t n) {
  for_vectors(n, [&](int64_t i, int64_t count) {
    store_first(out + i, exponential(load_first(x + i, count)), count);
  });
}

}  // namespace belle::ops::BELLE_ISA
