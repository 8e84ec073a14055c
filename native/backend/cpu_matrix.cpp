// gemm of the CPU backend.
#include <algorithm>

#include "native/backend/cpu_entries.h"
#include "native/backend/cpu_gemm.h"
#include "native/backend/cpu_peak.h"

namespace belle::backend {

namespace {

belle_status gemm_entry(void* context, const belle_gemm_args* args) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(Check("gemm").pointer("args", args).status());
    const belle_gemm_args& g = *args;
    const int64_t a_cols = g.transpose_a ? g.m : g.k, b_cols = g.transpose_b ? g.k : g.n;
    BELLE_TRY(Check("gemm")
                  .dtype(g.a_type)
                  .dtype(g.c_type)
                  .that(g.a_type == g.b_type,
                        [] { return std::string("a and b have different dtypes; cast one of them"); })
                  .that(g.c_type == g.a_type || g.c_type == BELLE_F32,
                        [] { return std::string("c must be float32 or have the dtype of a and b"); })
                  .size("m", g.m)
                  .size("n", g.n)
                  .size("k", g.k)
                  .size("lda", g.lda, std::max<int64_t>(1, a_cols))
                  .size("ldb", g.ldb, std::max<int64_t>(1, b_cols))
                  .size("ldc", g.ldc, std::max<int64_t>(1, g.n))
                  .pointer("a", g.a, std::min(g.m, g.k))
                  .pointer("b", g.b, std::min(g.k, g.n))
                  .pointer("c", g.c, std::min(g.m, g.n))
                  .status());
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
    BELLE_TRY(Check("peak_flops").dtype(type).pointer("out", out).status());
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
