// SwiGLU, GELU (tanh) and addition. A thread takes 16 bytes where buffers and rows allow it, else one
// element.
#include "cuda/device/element.cuh"
#include "cuda/device/launch.cuh"
#include "cuda/entries.h"

namespace belle::cuda {

namespace {

constexpr int kThreads = 256;

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// Element e of row t of a matrix whose rows begin `stride` apart.
struct Place {
  int64_t row, column;
};
template <int Count>
__device__ __forceinline__ bool place(int64_t rows, int64_t d, Place* at) {
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * Count;
  if (i >= rows * d) return false;
  if (rows == 1) {
    *at = {0, i};
  } else if (rows * d <= UINT32_MAX) {  // a division of 64 bits takes longer than the rest of the kernel
    const auto index = static_cast<uint32_t>(i), width = static_cast<uint32_t>(d);
    *at = {index / width, index % width};
  } else {
    *at = {i / d, i % d};
  }
  return true;
}

template <class T, int Count>
__global__ void swiglu_kernel(T* out, const T* gate, const T* up, int64_t rows, int64_t d, int64_t stride) {
  Place at;
  if (!place<Count>(rows, d, &at)) return;
  const int64_t in = at.row * stride + at.column;
  const auto g = load_elements<T, Count>(gate + in), u = load_elements<T, Count>(up + in);
  Elements<T, Count> y;
#pragma unroll
  for (int i = 0; i < Count; ++i) y.x[i] = g.x[i] * sigmoid(g.x[i]) * u.x[i];
  store_elements(out + at.row * d + at.column, y);
}

template <class T, int Count>
__global__ void swiglu_backward_kernel(T* dgate, T* dup, const T* dout, const T* gate, const T* up,
                                       int64_t rows, int64_t d, int64_t stride) {
  Place at;
  if (!place<Count>(rows, d, &at)) return;
  const int64_t in = at.row * stride + at.column;
  const auto g = load_elements<T, Count>(gate + in), u = load_elements<T, Count>(up + in);
  const auto dy = load_elements<T, Count>(dout + at.row * d + at.column);
  Elements<T, Count> dg, du;
#pragma unroll
  for (int i = 0; i < Count; ++i) {
    const float s = sigmoid(g.x[i]), rest = sigmoid(-g.x[i]);
    dg.x[i] = dy.x[i] * u.x[i] * s * (1.0f + g.x[i] * rest);
    du.x[i] = dy.x[i] * g.x[i] * s;
  }
  store_elements(dgate + in, dg);
  store_elements(dup + in, du);
}

// x sigmoid(2u), u = sqrt(2 / pi) x (1 + 0.044715 x^2): x/2 (1 + tanh u) without its cancellation.
constexpr float kRoot = 0.79788456f, kCubic = 0.044715f;
__device__ __forceinline__ float gelu_argument(float x) { return 2.0f * kRoot * x * (1.0f + kCubic * x * x); }

template <class T, int Count>
__global__ void gelu_kernel(T* out, const T* x, int64_t n) {
  Place at;
  if (!place<Count>(1, n, &at)) return;
  auto v = load_elements<T, Count>(x + at.column);
#pragma unroll
  for (int i = 0; i < Count; ++i) v.x[i] *= sigmoid(gelu_argument(v.x[i]));
  store_elements(out + at.column, v);
}

template <class T, int Count>
__global__ void gelu_backward_kernel(T* dx, const T* dout, const T* x, int64_t n) {
  Place at;
  if (!place<Count>(1, n, &at)) return;
  const auto v = load_elements<T, Count>(x + at.column), dy = load_elements<T, Count>(dout + at.column);
  Elements<T, Count> d;
#pragma unroll
  for (int i = 0; i < Count; ++i) {
    const float a = gelu_argument(v.x[i]), s = sigmoid(a), rest = sigmoid(-a);
    const float slope = 2.0f * kRoot * (1.0f + 3.0f * kCubic * v.x[i] * v.x[i]);
    d.x[i] = dy.x[i] * (s + v.x[i] * s * rest * slope);
  }
  store_elements(dx + at.column, d);
}

template <class T, int Count>
__global__ void add_kernel(T* out, const T* a, const T* b, int64_t n) {
  Place at;
  if (!place<Count>(1, n, &at)) return;
  auto x = load_elements<T, Count>(a + at.column);
  const auto y = load_elements<T, Count>(b + at.column);
#pragma unroll
  for (int i = 0; i < Count; ++i) x.x[i] += y.x[i];
  store_elements(out + at.column, x);
}

// Calls body with the element type and with how many of them a thread takes.
template <class Body>
Status by_packs(const char* op, int32_t type, int64_t n, bool aligned, int64_t d, int64_t stride, Body body) {
  if (n == 0) return {};
  return with_type(type, [&]<class T>(T) {
    constexpr int pack = Pack<T>::kCount;
    const bool wide = aligned && d % pack == 0 && stride % pack == 0;
    const int64_t threads = wide ? n / pack : n;
    const dim3 grid{blocks_of(threads, kThreads)};
    return check_cuda(op, wide ? body(T{}, std::integral_constant<int, pack>{}, grid)
                               : body(T{}, std::integral_constant<int, 1>{}, grid));
  });
}

belle_status swiglu(void* context, void* out, const void* gate, const void* up, int64_t tokens, int64_t d,
                    int64_t stride, int32_t type) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_swiglu(out, gate, up, tokens, d, stride, type));
    return by_packs("swiglu", type, tokens * d, all_aligned(out, gate, up), d, stride,
                    [&]<class T, int N>(T, std::integral_constant<int, N>, dim3 grid) {
                      return launch(swiglu_kernel<T, N>, grid, dim3{kThreads}, 0, cuda.stream,
                                    static_cast<T*>(out), static_cast<const T*>(gate),
                                    static_cast<const T*>(up), tokens, d, stride);
                    });
  });
}

belle_status swiglu_backward(void* context, void* dgate, void* dup, const void* dout, const void* gate,
                             const void* up, int64_t tokens, int64_t d, int64_t stride, int32_t type) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_swiglu_backward(dgate, dup, dout, gate, up, tokens, d, stride, type));
    return by_packs("swiglu_backward", type, tokens * d, all_aligned(dgate, dup, dout, gate, up), d, stride,
                    [&]<class T, int N>(T, std::integral_constant<int, N>, dim3 grid) {
                      return launch(swiglu_backward_kernel<T, N>, grid, dim3{kThreads}, 0, cuda.stream,
                                    static_cast<T*>(dgate), static_cast<T*>(dup), static_cast<const T*>(dout),
                                    static_cast<const T*>(gate), static_cast<const T*>(up), tokens, d,
                                    stride);
                    });
  });
}

belle_status gelu_tanh(void* context, void* out, const void* x, int64_t n, int32_t type) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_gelu_tanh(out, x, n, type));
    return by_packs("gelu_tanh", type, n, all_aligned(out, x), n, n,
                    [&]<class T, int N>(T, std::integral_constant<int, N>, dim3 grid) {
                      return launch(gelu_kernel<T, N>, grid, dim3{kThreads}, 0, cuda.stream,
                                    static_cast<T*>(out), static_cast<const T*>(x), n);
                    });
  });
}

belle_status gelu_tanh_backward(void* context, void* dx, const void* dout, const void* x, int64_t n,
                                int32_t type) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_gelu_tanh_backward(dx, dout, x, n, type));
    return by_packs("gelu_tanh_backward", type, n, all_aligned(dx, dout, x), n, n,
                    [&]<class T, int N>(T, std::integral_constant<int, N>, dim3 grid) {
                      return launch(gelu_backward_kernel<T, N>, grid, dim3{kThreads}, 0, cuda.stream,
                                    static_cast<T*>(dx), static_cast<const T*>(dout),
                                    static_cast<const T*>(x), n);
                    });
  });
}

belle_status add(void* context, void* out, const void* a, const void* b, int64_t n, int32_t type) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_add(out, a, b, n, type));
    return by_packs("add", type, n, all_aligned(out, a, b), n, n,
                    [&]<class T, int N>(T, std::integral_constant<int, N>, dim3 grid) {
                      return launch(add_kernel<T, N>, grid, dim3{kThreads}, 0, cuda.stream,
                                    static_cast<T*>(out), static_cast<const T*>(a), static_cast<const T*>(b),
                                    n);
                    });
  });
}

}  // namespace

void set_elementwise_entries(belle_backend& b) {
  b.swiglu = swiglu;
  b.swiglu_backward = swiglu_backward;
  b.gelu_tanh = gelu_tanh;
  b.gelu_tanh_backward = gelu_tanh_backward;
  b.add = add;
}

}  // namespace belle::cuda
