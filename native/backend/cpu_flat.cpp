// Flat ops of the CPU backend: elementwise, AdamW, sums. A task is 16,384 elements, 65,536 for the sums.
#include <algorithm>
#include <cmath>

#include "native/abi/adamw_scalars.h"
#include "native/backend/cpu_entries.h"

namespace belle::backend {

namespace {

// body(first, count)
template <class Body>
void over_elements(CpuContext& cpu, int64_t n, double work, Body body) {
  constexpr int64_t kStep = 16384;
  auto task = [&](size_t chunk, int) {
    const int64_t first = static_cast<int64_t>(chunk) * kStep;
    body(first, std::min(kStep, n - first));
  };
  cpu.parallel((n + kStep - 1) / kStep, work * static_cast<double>(n), task);
}

// body(first row, rows)
template <class Body>
void over_rows(CpuContext& cpu, int64_t tokens, int64_t d, double work, Body body) {
  const int64_t step = std::max<int64_t>(1, 16384 / d);
  auto task = [&](size_t chunk, int) {
    const int64_t first = static_cast<int64_t>(chunk) * step;
    body(first, std::min(step, tokens - first));
  };
  cpu.parallel((tokens + step - 1) / step, work * static_cast<double>(tokens * d), task);
}

belle_status swiglu(void* context, void* out, const void* gate, const void* up, int64_t tokens, int64_t d,
                    int64_t stride, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_swiglu(out, gate, up, tokens, d, stride, type));
    over_rows(cpu, tokens, d, 16, [&](int64_t t, int64_t rows) {
      cpu.kernels.swiglu(at(out, t * d, type), at(gate, t * stride, type), at(up, t * stride, type), rows, d,
                         stride, kernel_type(type));
    });
    return {};
  });
}

belle_status swiglu_backward(void* context, void* dgate, void* dup, const void* dout, const void* gate,
                             const void* up, int64_t tokens, int64_t d, int64_t stride, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_swiglu_backward(dgate, dup, dout, gate, up, tokens, d, stride, type));
    over_rows(cpu, tokens, d, 24, [&](int64_t t, int64_t rows) {
      cpu.kernels.swiglu_backward(at(dgate, t * stride, type), at(dup, t * stride, type),
                                  at(dout, t * d, type), at(gate, t * stride, type), at(up, t * stride, type),
                                  rows, d, stride, kernel_type(type));
    });
    return {};
  });
}

belle_status gelu_tanh(void* context, void* out, const void* x, int64_t n, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_gelu_tanh(out, x, n, type));
    over_elements(cpu, n, 16, [&](int64_t i, int64_t count) {
      cpu.kernels.gelu_tanh(at(out, i, type), at(x, i, type), count, kernel_type(type));
    });
    return {};
  });
}

belle_status gelu_tanh_backward(void* context, void* dx, const void* dout, const void* x, int64_t n,
                                int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_gelu_tanh_backward(dx, dout, x, n, type));
    over_elements(cpu, n, 24, [&](int64_t i, int64_t count) {
      cpu.kernels.gelu_tanh_backward(at(dx, i, type), at(dout, i, type), at(x, i, type), count,
                                     kernel_type(type));
    });
    return {};
  });
}

belle_status add(void* context, void* out, const void* a, const void* b, int64_t n, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_add(out, a, b, n, type));
    over_elements(cpu, n, 4, [&](int64_t i, int64_t count) {
      cpu.kernels.add(at(out, i, type), at(a, i, type), at(b, i, type), count, kernel_type(type));
    });
    return {};
  });
}

belle_status adamw(void* context, const belle_adamw_args* args) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_adamw(args));
    const belle_adamw_args& a = *args;
    const AdamWScalars scalars = abi::adamw_scalars(a);
    over_elements(cpu, a.n, 16, [&](int64_t i, int64_t count) {
      cpu.kernels.adamw(at(a.weight, i, a.type), a.remainder ? a.remainder + i : nullptr, a.grad + i, a.m + i,
                        a.v + i, count, scalars, kernel_type(a.type));
    });
    return {};
  });
}

// Partial sums of 65,536 elements each, added in order.
belle_status sum_with(void* context, const char* op, ops::Sum* ops::KernelTable::*kernel, const float* x,
                      int64_t n, double* out) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_sum(op, x, n, out));
    constexpr int64_t kStep = 65536;
    const int64_t chunks = (n + kStep - 1) / kStep;
    double* partial = cpu.partial_sums.get<double>(chunks);
    if (!partial) return scratch_missing(op, chunks * 8);
    auto task = [&](size_t chunk, int) {
      const int64_t first = static_cast<int64_t>(chunk) * kStep;
      partial[chunk] = (cpu.kernels.*kernel)(x + first, std::min(kStep, n - first));
    };
    cpu.parallel(chunks, static_cast<double>(n), task);
    *out = 0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) *out += partial[chunk];
    return {};
  });
}

belle_status sum_squares(void* context, const float* x, int64_t n, double* out) {
  return sum_with(context, "sum_squares", &ops::KernelTable::sum_squares, x, n, out);
}
belle_status sum(void* context, const float* x, int64_t n, double* out) {
  return sum_with(context, "sum", &ops::KernelTable::sum, x, n, out);
}

}  // namespace

void set_flat_entries(belle_backend& b) {
  b.swiglu = swiglu;
  b.swiglu_backward = swiglu_backward;
  b.gelu_tanh = gelu_tanh;
  b.gelu_tanh_backward = gelu_tanh_backward;
  b.add = add;
  b.adamw = adamw;
  b.sum_squares = sum_squares;
  b.sum = sum;
}

}  // namespace belle::backend
