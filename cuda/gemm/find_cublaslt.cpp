// Where libcublasLt is, and which of its functions we need.
#include "cuda/gemm/cublaslt.h"
#include "cuda/library/find_library.h"

namespace belle::cuda {

namespace {

constexpr const char* kFiles[] = {"libcublasLt.so.13", "libcublasLt.so.12"};
constexpr LibraryNames kNames = {"cublasLt", "BELLE_CUBLASLT", "nvidia-cublas", kFiles};

void resolve(LibrarySymbols& symbols, LtFunctions* lt) {
  symbols.get("cublasLtCreate", &lt->create)
      .get("cublasLtDestroy", &lt->destroy)
      .get("cublasLtGetVersion", &lt->version)
      .get("cublasLtMatrixLayoutCreate", &lt->layout_create)
      .get("cublasLtMatrixLayoutDestroy", &lt->layout_destroy)
      .get("cublasLtMatrixLayoutSetAttribute", &lt->layout_set)
      .get("cublasLtMatmulDescCreate", &lt->product_create)
      .get("cublasLtMatmulDescDestroy", &lt->product_destroy)
      .get("cublasLtMatmulDescSetAttribute", &lt->product_set)
      .get("cublasLtMatmulPreferenceCreate", &lt->wish_create)
      .get("cublasLtMatmulPreferenceDestroy", &lt->wish_destroy)
      .get("cublasLtMatmulPreferenceSetAttribute", &lt->wish_set)
      .get("cublasLtMatmulAlgoGetHeuristic", &lt->choose)
      .get("cublasLtMatmulAlgoCheck", &lt->check)
      .get("cublasLtMatmul", &lt->multiply);
}

}  // namespace

LtLibrary find_cublaslt() {
  LtLibrary out;
  const FoundLibrary found =
      find_library(kNames, [&](LibrarySymbols& symbols) { resolve(symbols, &out.functions); });
  out.loaded = found.loaded;
  if (!found.loaded) {
    out.sentence = found.problem + "; bfloat16 products use our own kernels";
    return out;
  }
  const size_t version = out.functions.version();  // 130101 is 13.1.1; before 13, 120805 is 12.8.5
  out.sentence = "cublasLt " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) +
                 " is loaded from " + found.file;
  return out;
}

}  // namespace belle::cuda
