// gemm and linear_cross_entropy of the CPU backend.
#include <algorithm>

#include "native/backend/cpu_check.h"
#include "native/backend/cpu_entries.h"
#include "native/backend/cpu_gemm.h"

namespace belle::backend {

namespace {

belle_status gemm_entry(void* context, const belle_gemm_args* args) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(Check("gemm").pointer("args", args).status());
    const belle_gemm_args& g = *args;
    const int64_t a_cols = g.transpose_a ? g.m : g.k, b_cols = g.transpose_b ? g.k : g.n;
    BELLE_TRY(Check("gemm")
                  .f32(g.a_type)
                  .f32(g.b_type)
                  .f32(g.c_type)
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
                      .a = static_cast<const float*>(g.a),
                      .a_row = g.transpose_a ? 1 : g.lda,
                      .a_depth = g.transpose_a ? g.lda : 1,
                      .b = static_cast<const float*>(g.b),
                      .b_col = g.transpose_b ? g.ldb : 1,
                      .b_depth = g.transpose_b ? 1 : g.ldb,
                      .c = static_cast<float*>(g.c),
                      .ldc = g.ldc,
                      .alpha = g.alpha,
                      .beta = g.beta,
                      .bias = static_cast<const float*>(g.bias)});
  });
}

Status check(const belle_linear_cross_entropy_args& a) {
  BELLE_TRY(Check("linear_cross_entropy")
                .f32(a.type)
                .size("rows", a.rows)
                .size("d", a.d, 1)
                .size("vocab", a.vocab, 1)
                .size("chunk_rows", a.chunk_rows, 1)
                .pointer("hidden", a.hidden, a.rows)
                .pointer("head", a.head)
                .pointer("targets", a.targets, a.rows)
                .pointer("losses", a.losses, a.rows)
                .pointer("logits_scratch", a.logits_scratch, a.rows)
                .status());
  for (int64_t row = 0; row < a.rows; ++row) {
    BELLE_TRY(Check("linear_cross_entropy")
                  .that(a.targets[row] < a.vocab,
                        [&] {
                          return "the target of row " + std::to_string(row) + " is " +
                                 std::to_string(a.targets[row]) + ", the vocabulary has " +
                                 std::to_string(a.vocab) + " rows; check the labels";
                        })
                  .status());
  }
  return {};
}

// The rows picked[0, count): logits, losses and, when asked, gradients.
Status supervised_chunk(CpuContext& cpu, const belle_linear_cross_entropy_args& a, const int64_t* picked,
                        int64_t count, float* hidden, float* dhidden) {
  const size_t row_bytes = static_cast<size_t>(a.d) * sizeof(float);
  const float *all = static_cast<const float*>(a.hidden), *head = static_cast<const float*>(a.head);
  for (int64_t i = 0; i < count; ++i) __builtin_memcpy(hidden + i * a.d, all + picked[i] * a.d, row_bytes);
  float* logits = static_cast<float*>(a.logits_scratch);
  BELLE_TRY(gemm(cpu, {.m = count,
                       .n = a.vocab,
                       .k = a.d,
                       .a = hidden,
                       .a_row = a.d,
                       .a_depth = 1,
                       .b = head,
                       .b_col = a.d,
                       .b_depth = 1,
                       .c = logits,
                       .ldc = a.vocab}));
  auto loss = [&](size_t i, int) {
    const int64_t row = picked[i];
    a.losses[row] = cpu.kernels.cross_entropy(logits + static_cast<int64_t>(i) * a.vocab, a.vocab,
                                              a.targets[row], a.dhidden != nullptr, a.grad_scale);
  };
  cpu.parallel(count, 16.0 * count * a.vocab, loss);
  if (!a.dhidden) return {};
  BELLE_TRY(gemm(cpu, {.m = count,
                       .n = a.d,
                       .k = a.vocab,
                       .a = logits,
                       .a_row = a.vocab,
                       .a_depth = 1,
                       .b = head,
                       .b_col = 1,
                       .b_depth = a.d,
                       .c = dhidden,
                       .ldc = a.d}));
  for (int64_t i = 0; i < count; ++i) {
    __builtin_memcpy(static_cast<float*>(a.dhidden) + picked[i] * a.d, dhidden + i * a.d, row_bytes);
  }
  if (!a.dhead) return {};
  return gemm(cpu, {.m = a.vocab,
                    .n = a.d,
                    .k = count,
                    .a = logits,
                    .a_row = 1,
                    .a_depth = a.vocab,
                    .b = hidden,
                    .b_col = 1,
                    .b_depth = a.d,
                    .c = a.dhead,
                    .ldc = a.d,
                    .beta = 1});
}

belle_status linear_cross_entropy(void* context, const belle_linear_cross_entropy_args* args) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(Check("linear_cross_entropy").pointer("args", args).status());
    const belle_linear_cross_entropy_args& a = *args;
    BELLE_TRY(check(a));
    if (a.rows == 0) return {};
    // Rows without a target cost nothing: they are left out before the product with the head.
    int64_t* picked = cpu.rows.get<int64_t>(a.rows);
    if (!picked) return scratch_missing("linear_cross_entropy", a.rows * 8);
    int64_t supervised = 0;
    for (int64_t row = 0; row < a.rows; ++row) {
      a.losses[row] = 0;
      if (a.targets[row] >= 0) picked[supervised++] = row;
      if (a.dhidden)
        __builtin_memset(static_cast<float*>(a.dhidden) + row * a.d, 0, static_cast<size_t>(a.d) * 4);
    }
    const int64_t chunk = std::min(a.chunk_rows, supervised);
    float* hidden = cpu.gathered.get<float>(chunk * a.d);
    float* dhidden = cpu.gathered_gradient.get<float>(a.dhidden ? chunk * a.d : 0);
    if (!hidden || !dhidden) return scratch_missing("linear_cross_entropy", 2 * chunk * a.d * 4);
    for (int64_t i = 0; i < supervised; i += chunk) {
      BELLE_TRY(supervised_chunk(cpu, a, picked + i, std::min(chunk, supervised - i), hidden, dhidden));
    }
    return {};
  });
}

}  // namespace

void set_matrix_entries(belle_backend& b) {
  b.gemm = gemm_entry;
  b.linear_cross_entropy = linear_cross_entropy;
}

}  // namespace belle::backend
