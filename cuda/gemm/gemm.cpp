// Which of the GEMMs computes a product.
#include "cuda/gemm/gemm.h"

#include "cuda/gemm/cublaslt.h"

namespace belle::cuda {

namespace {

// With so few rows a product is bound by reading B, once: our kernel for that needs nothing chosen.
constexpr int64_t kFewRows = 16;

}  // namespace

Status gemm(Context& cuda, const belle_gemm_args& args, FewRows few) {
  if (args.m == 0 || args.n == 0) return {};
  if (args.a_type == BELLE_F32) return float_gemm(cuda, args);
  if (args.m > kFewRows || few == FewRows::as_among_many) {
    bool done = false;
    BELLE_TRY(cublaslt(cuda).multiply(cuda, args, &done));
    if (done) return {};
  }
  return mma_gemm(cuda, args);
}

std::string gemm_library() { return find_cublaslt().sentence; }

}  // namespace belle::cuda
