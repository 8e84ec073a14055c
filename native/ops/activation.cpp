#include "native/ops/activation.h"

#include "native/ops/typed.h"
#include "native/ops/vector.h"

namespace belle::ops::BELLE_ISA {

template <class T>
static void swiglu_row(T* out, const T* gate, const T* up, int64_t n) {
  for_vectors(n, [&](int64_t i, int64_t count) {
    const vf g = load_first(gate + i, count);
    store_first(out + i, g * sigmoid(g).value * load_first(up + i, count), count);
  });
}

template <class T>
static void swiglu_backward_row(T* dgate, T* dup, const T* dout, const T* gate, const T* up, int64_t n) {
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

template <class T>
static void gelu(T* out, const T* x, int64_t n) {
  for_vectors(n, [&](int64_t i, int64_t count) {
    const vf v = load_first(x + i, count);
    store_first(out + i, v * gelu_gate(v).value, count);
  });
}

template <class T>
static void gelu_backward(T* dx, const T* dout, const T* x, int64_t n) {
  for_vectors(n, [&](int64_t i, int64_t count) {
    const vf v = load_first(x + i, count);
    const auto [s, rest] = gelu_gate(v);
    const vf slope = splat(2.0f * kRoot) * mul_add(splat(3.0f * kCubic) * v, v, splat(1.0f));
    const vf derivative = mul_add(v * s * rest, slope, s);
    store_first(dx + i, load_first(dout + i, count) * derivative, count);
  });
}

template <class T>
static void add_elements(T* out, const T* a, const T* b, int64_t n) {
  for_vectors(n, [&](int64_t i, int64_t count) {
    store_first(out + i, load_first(a + i, count) + load_first(b + i, count), count);
  });
}

void swiglu(void* out, const void* gate, const void* up, int64_t rows, int64_t d, int64_t stride, Type type) {
  with_type(type, [&]<class T>(T) {
    for (int64_t r = 0; r < rows; ++r) {
      swiglu_row(static_cast<T*>(out) + r * d, static_cast<const T*>(gate) + r * stride,
                 static_cast<const T*>(up) + r * stride, d);
    }
  });
}

void swiglu_backward(void* dgate, void* dup, const void* dout, const void* gate, const void* up, int64_t rows,
                     int64_t d, int64_t stride, Type type) {
  with_type(type, [&]<class T>(T) {
    for (int64_t r = 0; r < rows; ++r) {
      swiglu_backward_row(static_cast<T*>(dgate) + r * stride, static_cast<T*>(dup) + r * stride,
                          static_cast<const T*>(dout) + r * d, static_cast<const T*>(gate) + r * stride,
                          static_cast<const T*>(up) + r * stride, d);
    }
  });
}

void gelu_tanh(void* out, const void* x, int64_t n, Type type) {
  with_type(type, [&]<class T>(T) { gelu(static_cast<T*>(out), static_cast<const T*>(x), n); });
}

void gelu_tanh_backward(void* dx, const void* dout, const void* x, int64_t n, Type type) {
  with_type(type, [&]<class T>(T) {
    gelu_backward(static_cast<T*>(dx), static_cast<const T*>(dout), static_cast<const T*>(x), n);
  });
}

void add(void* out, const void* a, const void* b, int64_t n, Type type) {
  with_type(type, [&]<class T>(T) {
    add_elements(static_cast<T*>(out), static_cast<const T*>(a), static_cast<const T*>(b), n);
  });
}

void exponentials(float* out, const float* x, int64_t n) {
  for_vectors(n, [&](int64_t i, int64_t count) {
    store_first(out + i, exponential(load_first(x + i, count)), count);
  });
}

}  // namespace belle::ops::BELLE_ISA
