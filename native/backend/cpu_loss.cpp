// linear_cross_entropy of the CPU backend.
#include <algorithm>

#include "native/backend/cpu_check.h"
#include "native/backend/cpu_entries.h"
#include "native/backend/cpu_gemm.h"

namespace belle::backend {

namespace {

Status check(const belle_linear_cross_entropy_args& a) {
  BELLE_TRY(Check("linear_cross_entropy")
                .dtype(a.type)
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
                        int64_t count, char* hidden, char* dhidden, bool accumulate) {
  const auto type = static_cast<ops::Type>(a.type);
  const int64_t size = type == ops::Type::f32 ? 4 : 2, row_bytes = a.d * size;
  const char* all = static_cast<const char*>(a.hidden);
  for (int64_t i = 0; i < count; ++i)
    __builtin_memcpy(hidden + i * row_bytes, all + picked[i] * row_bytes, static_cast<size_t>(row_bytes));
  char* logits = static_cast<char*>(a.logits_scratch);
  BELLE_TRY(gemm(cpu, {.m = count,
                       .n = a.vocab,
                       .k = a.d,
                       .type = type,
                       .a = hidden,
                       .a_row = a.d,
                       .a_depth = 1,
                       .b = a.head,
                       .b_col = a.d,
                       .b_depth = 1,
                       .out = {.c = logits, .ldc = a.vocab, .type = type}}));
  auto loss = [&](size_t i, int) {
    const int64_t row = picked[i];
    a.losses[row] =
        cpu.kernels.cross_entropy(logits + static_cast<int64_t>(i) * a.vocab * size, a.vocab, a.targets[row],
                                  a.dhidden != nullptr, a.grad_scale, static_cast<ops::Type>(a.type));
  };
  cpu.parallel(count, 16.0 * static_cast<double>(count) * static_cast<double>(a.vocab), loss);
  if (!a.dhidden) return {};
  BELLE_TRY(gemm(cpu, {.m = count,
                       .n = a.d,
                       .k = a.vocab,
                       .type = type,
                       .a = logits,
                       .a_row = a.vocab,
                       .a_depth = 1,
                       .b = a.head,
                       .b_col = 1,
                       .b_depth = a.d,
                       .out = {.c = dhidden, .ldc = a.d, .type = type}}));
  for (int64_t i = 0; i < count; ++i) {
    __builtin_memcpy(static_cast<char*>(a.dhidden) + picked[i] * row_bytes, dhidden + i * row_bytes,
                     static_cast<size_t>(row_bytes));
  }
  if (!a.dhead) return {};
  return gemm(cpu, {.m = a.vocab,
                    .n = a.d,
                    .k = count,
                    .type = type,
                    .a = logits,
                    .a_row = 1,
                    .a_depth = a.vocab,
                    .b = hidden,
                    .b_col = 1,
                    .b_depth = a.d,
                    .out = {.c = a.dhead, .ldc = a.d, .beta = accumulate ? 1.0f : 0.0f}});
}

belle_status linear_cross_entropy(void* context, const belle_linear_cross_entropy_args* args) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(Check("linear_cross_entropy").pointer("args", args).status());
    const belle_linear_cross_entropy_args& a = *args;
    BELLE_TRY(check(a));
    if (a.rows == 0) return {};
    const int64_t row_bytes = a.d * (a.type == BELLE_F32 ? 4 : 2);
    // Rows without a target cost nothing: they are left out before the product with the head.
    int64_t* picked = cpu.rows.get<int64_t>(a.rows);
    if (!picked) return scratch_missing("linear_cross_entropy", a.rows * 8);
    int64_t supervised = 0;
    for (int64_t row = 0; row < a.rows; ++row) {
      a.losses[row] = 0;
      if (a.targets[row] >= 0) picked[supervised++] = row;
      if (a.dhidden)
        __builtin_memset(static_cast<char*>(a.dhidden) + row * row_bytes, 0, static_cast<size_t>(row_bytes));
    }
    if (supervised == 0 && a.dhead && a.dhidden && !a.accumulate)
      __builtin_memset(a.dhead, 0, static_cast<size_t>(a.vocab * a.d) * 4);
    const int64_t chunk = std::min(a.chunk_rows, supervised);
    char* hidden = cpu.gathered.get<char>(chunk * row_bytes);
    char* dhidden = cpu.gathered_gradient.get<char>(a.dhidden ? chunk * row_bytes : 0);
    if (!hidden || !dhidden) return scratch_missing("linear_cross_entropy", 2 * chunk * row_bytes);
    for (int64_t i = 0; i < supervised; i += chunk) {
      BELLE_TRY(supervised_chunk(cpu, a, picked + i, std::min(chunk, supervised - i), hidden, dhidden,
                                 a.accumulate || i > 0));
    }
    return {};
  });
}

}  // namespace

void set_loss_entries(belle_backend& b) { b.linear_cross_entropy = linear_cross_entropy; }

}  // namespace belle::backend
