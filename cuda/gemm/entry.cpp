// gemm and peak_flops of the CUDA backend.
#include "cuda/entries.h"
#include "cuda/gemm/gemm.h"

namespace belle::cuda {

namespace {

belle_status gemm_entry(void* context, const belle_gemm_args* args) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_gemm(args));
    return gemm(cuda, *args, FewRows::fast);
  });
}

belle_status peak_flops(void* context, int32_t type, double* out) {
  return run_op(context, [&](Context& cuda) -> Status {
    BELLE_TRY(abi::check_peak_flops(type, out));
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
