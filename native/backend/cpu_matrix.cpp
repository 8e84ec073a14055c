// gemm of the CPU backend.
#include <algorithm>

#include "native/backend/cpu_entries.h"
#include "native/backend/cpu_gemm.h"
#include "native/backend/cpu_peak.h"

namespace belle::backend {

namespace {

belle_status gemm_entry(void* context, const belle_gemm_args* args) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_gemm(args));
    const belle_gemm_args& g = *args;
    return gemm(cpu, {.m = g.m,
                      .n = g.n,
                      .k = g.k,
                      .type = static_cast<ops::Type>(g.a_type),
                      .a = g.a,
                      .a_row = g.transpose_a ? 1 : g.lda,
                      .a_depth = g.transpose_a ? g.lda : 1,
                      .b = g.b,
                      .b_col = g.transpose_b ? g.ldb : 1,
                      .b_depth = g.transpose_b ? 1 : g.ldb,
                      .out = {.c = g.c,
                              .ldc = g.ldc,
                              .type = static_cast<ops::Type>(g.c_type),
                              .alpha = g.alpha,
                              .beta = g.beta,
                              .bias = g.bias,
                              .bias_type = static_cast<ops::Type>(g.b_type),
                              .residual = g.residual}});
  });
}

belle_status peak_flops(void* context, int32_t type, double* out) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_peak_flops(type, out));
    double& known = cpu.peak[type];
    if (known == 0) known = measure_peak(cpu, static_cast<ops::Type>(type));
    *out = known;
    return {};
  });
}

}  // namespace

void set_matrix_entries(belle_backend& b) {
  b.gemm = gemm_entry;
  b.peak_flops = peak_flops;
}

}  // namespace belle::backend
