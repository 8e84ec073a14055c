#include "cuda/gemm/cublaslt.h"

#include <algorithm>

namespace belle::cuda {

namespace {

constexpr size_t kWorkspaceBytes = size_t{32} << 20;
constexpr size_t kMostPlans = 4096;  // packed batches have many lengths, the depth of a weight's gradient
constexpr int64_t kManyRows = 4096;  // tokens that an algorithm is chosen for

// Values of NVIDIA's enums (cublasLt.h, cublas_api.h, library_types.h).
constexpr int kFloat = 0, kBfloat16 = 14;  // CUDA_R_32F, CUDA_R_16BF
constexpr int kComputeFloat = 68;          // CUBLAS_COMPUTE_32F
constexpr int kLayoutCols = 3;             // CUBLASLT_MATRIX_LAYOUT_COLS
constexpr int kTransposeA = 3, kTransposeB = 4, kEpilogue = 7, kBiasPointer = 8;  // CUBLASLT_MATMUL_DESC_*
constexpr uint32_t kEpilogueBias = 4;
constexpr int kWishWorkspace = 1, kWishReduction = 3,
              kWishAlignment = 5;  // CUBLASLT_MATMUL_PREF_*; A, B, C, D

// The largest power of two, up to 256, that divides all the addresses.
template <class... Pointers>
uint32_t alignment_of(Pointers... pointers) {
  const uint64_t bits = (reinterpret_cast<uintptr_t>(pointers) | ...) | 256;
  return static_cast<uint32_t>(bits & (~bits + 1));
}

}  // namespace

CublasLt& cublaslt(Context& cuda) {
  if (!cuda.cublaslt) cuda.cublaslt = std::make_shared<CublasLt>();
  return *cuda.cublaslt;
}

CublasLt::~CublasLt() {
  for (auto& [key, plan] : plans_) forget(plan);
  if (handle_) library_.functions.destroy(handle_);
  cudaFree(workspace_);
}

Status CublasLt::begin() {
  if (workspace_) return {};
  if (!handle_) {
    if (const int error = library_.functions.create(&handle_); error != 0) {
      handle_ = nullptr;
      return {StatusCode::internal, "gemm: " + library_.sentence + ", but it does not start (status " +
                                        std::to_string(error) +
                                        "); set BELLE_CUBLASLT=off to compute without it"};
    }
  }
  if (cudaMalloc(&workspace_, kWorkspaceBytes) == cudaSuccess) return {};
  cudaGetLastError();
  workspace_ = nullptr;
  return scratch_missing("gemm", kWorkspaceBytes);
}

void CublasLt::forget(Plan& plan) const {
  for (void* layout : {plan.a, plan.b, plan.c})
    if (layout) library_.functions.layout_destroy(layout);
  if (plan.product) library_.functions.product_destroy(plan.product);
  plan = {};
}

// cublasLt counts rows down columns: to it our C[m,n] is C^T[n,m] = op(B)^T op(A)^T, its A is our B.
bool CublasLt::describe(const belle_gemm_args& g, Plan& plan) const {
  const LtFunctions& lt = library_.functions;
  const auto layout = [&](void** out, int type, int64_t rows, int64_t cols, int64_t ld) {
    return lt.layout_create(out, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(cols), ld) == 0;
  };
  const auto set = [&](int attribute, const auto& value) {
    return lt.product_set(plan.product, attribute, &value, sizeof value) == 0;
  };
  const int32_t transpose_a = g.transpose_b ? 1 : 0, transpose_b = g.transpose_a ? 1 : 0;
  bool good = lt.product_create(&plan.product, kComputeFloat, kFloat) == 0 && set(kTransposeA, transpose_a) &&
              set(kTransposeB, transpose_b);
  if (g.bias) good = good && set(kEpilogue, kEpilogueBias) && set(kBiasPointer, g.bias);
  return good &&
         (g.transpose_b ? layout(&plan.a, kBfloat16, g.k, g.n, g.ldb)
                        : layout(&plan.a, kBfloat16, g.n, g.k, g.ldb)) &&
         (g.transpose_a ? layout(&plan.b, kBfloat16, g.m, g.k, g.lda)
                        : layout(&plan.b, kBfloat16, g.k, g.m, g.lda)) &&
         layout(&plan.c, g.c_type == BELLE_F32 ? kFloat : kBfloat16, g.n, g.m, g.ldc);
}

bool CublasLt::choose(Plan& plan, uint32_t alignment) const {
  const LtFunctions& lt = library_.functions;
  void* wish = nullptr;
  if (lt.wish_create(&wish) != 0) return false;
  const auto set = [&](int attribute, const auto& value) {
    return lt.wish_set(wish, attribute, &value, sizeof value) == 0;
  };
  // No reduction scheme: k is not split, so that its order is one and does not follow the number of rows.
  const uint64_t workspace = kWorkspaceBytes;
  const uint32_t reduction = 0;
  bool good = set(kWishWorkspace, workspace) && set(kWishReduction, reduction);
  for (int matrix = 0; matrix < 4; ++matrix) good = good && set(kWishAlignment + matrix, alignment);
  LtHeuristic found = {};
  int count = 0;
  good = good &&
         lt.choose(handle_, plan.product, plan.a, plan.b, plan.c, plan.c, wish, 1, &found, &count) == 0 &&
         count == 1 && found.status == 0;
  lt.wish_destroy(wish);
  plan.algorithm = found.algorithm;
  return good;
}

// Whether the plan serves this many rows of A.
bool CublasLt::set_rows(Plan& plan, int64_t rows) const {
  if (plan.rows == rows) return plan.fits;
  const auto cols = static_cast<uint64_t>(rows);
  LtHeuristic checked = {};
  plan.rows = rows;
  plan.fits = library_.functions.layout_set(plan.b, kLayoutCols, &cols, sizeof cols) == 0 &&
              library_.functions.layout_set(plan.c, kLayoutCols, &cols, sizeof cols) == 0 &&
              library_.functions.check(handle_, plan.product, plan.a, plan.b, plan.c, plan.c, &plan.algorithm,
                                       &checked) == 0 &&
              checked.workspace <= kWorkspaceBytes;
  return plan.fits;
}

CublasLt::Plan CublasLt::make_plan(const belle_gemm_args& args, uint32_t alignment) const {
  Plan plan;
  belle_gemm_args many = args;
  if (!args.transpose_a) many.m = kManyRows;
  plan.usable = describe(many, plan) && choose(plan, alignment);
  plan.rows = many.m;
  plan.fits = plan.usable;
  if (!plan.usable) forget(plan);
  return plan;
}

Status CublasLt::multiply(Context& cuda, const belle_gemm_args& g, bool* done) {
  *done = false;
  const int64_t c_unit = g.c_type == BELLE_F32 ? 4 : 8;
  const bool apart = g.residual && g.beta != 0;           // C and the residual both: two additions
  const bool odd_bias = g.bias && g.c_type == BELLE_F32;  // its bias has the type of C
  if (g.k == 0 || apart || odd_bias || g.lda % 8 != 0 || g.ldb % 8 != 0 || g.ldc % c_unit != 0) return {};
  const uint32_t alignment = alignment_of(g.a, g.b, g.c, g.residual, g.bias);
  if (alignment < 16 || !library_.loaded) return {};
  BELLE_TRY(begin());
  const uint32_t kind = (g.transpose_a ? 1u : 0u) | (g.transpose_b ? 2u : 0u) | (g.bias ? 4u : 0u) |
                        (g.c_type == BELLE_F32 ? 8u : 0u);
  const Key key = {g.transpose_a ? g.m : 0, g.n, g.k, g.lda, g.ldb, g.ldc, kind, alignment};
  auto known = plans_.find(key);
  if (known == plans_.end()) {
    if (plans_.size() >= kMostPlans) {
      for (auto& [old, plan] : plans_) forget(plan);
      plans_.clear();
    }
    known = plans_.emplace(key, make_plan(g, alignment)).first;
  }
  Plan& plan = known->second;
  if (!plan.usable || !set_rows(plan, g.m)) return {};
  const LtFunctions& lt = library_.functions;
  if (g.bias && lt.product_set(plan.product, kBiasPointer, &g.bias, sizeof g.bias) != 0) return {};
  const float beta = g.residual ? 1.0f : g.beta;
  const int error = lt.multiply(handle_, plan.product, &g.alpha, g.b, plan.a, g.a, plan.b, &beta,
                                g.residual ? g.residual : g.c, plan.c, g.c, plan.c, &plan.algorithm,
                                workspace_, kWorkspaceBytes, cuda.stream);
  if (error != 0) {
    return {StatusCode::internal, "gemm: cublasLt says status " + std::to_string(error) +
                                      "; BELLE_CUBLASLT=off turns to our own kernels"};
  }
  *done = true;
  return {};
}

}  // namespace belle::cuda
