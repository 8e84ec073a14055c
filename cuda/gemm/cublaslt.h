#pragma once
// NVIDIA's cublasLt, found and loaded at run time: nothing of it is needed to build or to start. The few
// prototypes below are those of CUDA 11 to 13.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "cuda/context.h"

namespace belle::cuda {

struct LtAlgorithm {
  uint64_t data[8];
};
struct LtHeuristic {
  LtAlgorithm algorithm;
  size_t workspace;
  int32_t status;
  float waves;
  int32_t reserved[4];
};
struct LtFunctions {
  int (*create)(void** handle);
  int (*destroy)(void* handle);
  size_t (*version)();
  int (*layout_create)(void** layout, int type, uint64_t rows, uint64_t cols, int64_t ld);
  int (*layout_destroy)(void* layout);
  int (*layout_set)(void* layout, int attribute, const void* value, size_t bytes);
  int (*product_create)(void** product, int compute_type, int scale_type);
  int (*product_destroy)(void* product);
  int (*product_set)(void* product, int attribute, const void* value, size_t bytes);
  int (*wish_create)(void** wish);
  int (*wish_destroy)(void* wish);
  int (*wish_set)(void* wish, int attribute, const void* value, size_t bytes);
  int (*choose)(void* handle, void* product, void* a, void* b, void* c, void* d, void* wish, int most,
                LtHeuristic* found, int* count);
  int (*check)(void* handle, void* product, void* a, void* b, void* c, void* d, const LtAlgorithm* algorithm,
               LtHeuristic* result);
  int (*multiply)(void* handle, void* product, const void* alpha, const void* a, void* a_layout,
                  const void* b, void* b_layout, const void* beta, const void* c, void* c_layout, void* d,
                  void* d_layout, const LtAlgorithm* algorithm, void* workspace, size_t workspace_bytes,
                  cudaStream_t stream);
};

// A library file that has all these functions. It stays loaded.
struct LtLibrary {
  LtFunctions functions = {};
  bool loaded = false;
  std::string sentence;  // which file it is, or what is missing
};
// As find_library (library/find_library.h) looks for it, by BELLE_CUBLASLT.
LtLibrary find_cublaslt();

class CublasLt {
 public:
  CublasLt() : library_(find_cublaslt()) {}
  ~CublasLt();
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  // *done: the product is under way. Not done, and no error, when there is no library or it cannot do this
  // product with one rounding.
  Status multiply(Context& cuda, const belle_gemm_args& args, bool* done);

 private:
  // All that the choice of an algorithm depends on. Rows of A as it lies are not in it (m is 0): an algorithm
  // is chosen for many of them, and serves any number, so that a row's bits do not depend on the others.
  using Key = std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, uint32_t, uint32_t>;
  struct Plan {
    void *product = nullptr, *a = nullptr, *b = nullptr, *c = nullptr;
    LtAlgorithm algorithm = {};
    int64_t rows = 0;  // m that the layouts now have
    bool usable = false, fits = false;
  };

  Status begin();
  Plan make_plan(const belle_gemm_args& args, uint32_t alignment) const;
  bool describe(const belle_gemm_args& args, Plan& plan) const;
  bool choose(Plan& plan, uint32_t alignment) const;
  bool set_rows(Plan& plan, int64_t rows) const;
  void forget(Plan& plan) const;

  LtLibrary library_;
  void* handle_ = nullptr;
  void* workspace_ = nullptr;
  std::map<Key, Plan> plans_;
};

// The context's own, loaded at first use.
CublasLt& cublaslt(Context& cuda);

}  // namespace belle::cuda
