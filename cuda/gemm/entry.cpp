// gemm and peak_flops of the CUDA backend.
#include <algorithm>

#include "cuda/entries.h"
#include "cuda/gemm/gemm.h"

namespace belle::cuda {

namespace {

belle_status gemm_entry(void* context, const belle_gemm_args* args) {
  return run_op(context, [&](Context& cuda) -> Status {
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
    return gemm(cuda, g, FewRows::fast);
  });
}

belle_status peak_flops(void* context, int32_t type, double* out) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(Check("peak_flops").dtype(type).pointer("out", out).status());
    double& known = cuda.peak[type];
    if (known == 0) BELLE_TRY(measure_peak(cuda, type, &known));
    *out = known;
    return {};
  });
}

}  // namespace

void set_gemm_entries(belle_backend& b) {
  b.gemm = gemm_entry;
  b.peak_flops = peak_flops;
}

}  // namespace belle::cuda
