// linear_cross_entropy of the CPU backend.
#include "native/backend/cpu_loss.h"

#include <algorithm>

#include "native/backend/cpu_entries.h"

namespace belle::backend {

namespace {

Status check_targets(const belle_linear_cross_entropy_args& a) {
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

// Whole vectors of rows are cheaper than a tail: rows of zeros without a target fill them up.
int64_t round_rows(int64_t rows) { return round_up(rows, 16); }

// The rows picked[0, count): losses and, when asked, gradients.
void run_chunk(LossChunk& chunk, const belle_linear_cross_entropy_args& a, const int64_t* picked,
               int64_t count, int64_t most, bool accumulate) {
  const int64_t row_bytes = a.d * element_bytes(a.type), rows = std::min(round_rows(count), most);
  const char* all = static_cast<const char*>(a.hidden);
  char* hidden = static_cast<char*>(chunk.hidden());
  for (int64_t i = 0; i < count; ++i) {
    __builtin_memcpy(hidden + i * row_bytes, all + picked[i] * row_bytes, static_cast<size_t>(row_bytes));
    chunk.targets()[i] = a.targets[picked[i]];
  }
  __builtin_memset(hidden + count * row_bytes, 0, static_cast<size_t>((rows - count) * row_bytes));
  for (int64_t i = count; i < rows; ++i) chunk.targets()[i] = -1;
  chunk.losses(rows);
  for (int64_t i = 0; i < count; ++i) a.losses[picked[i]] = chunk.loss()[i];
  if (!a.dhidden) return;
  chunk.gradients(a.grad_scale, a.dhead, accumulate);
  for (int64_t i = 0; i < count; ++i) {
    __builtin_memcpy(static_cast<char*>(a.dhidden) + picked[i] * row_bytes,
                     static_cast<const char*>(chunk.dhidden()) + i * row_bytes,
                     static_cast<size_t>(row_bytes));
  }
}

belle_status linear_cross_entropy(void* context, const belle_linear_cross_entropy_args* args) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_linear_cross_entropy(args));
    const belle_linear_cross_entropy_args& a = *args;
    BELLE_TRY(check_targets(a));
    if (a.rows == 0) return {};
    const int64_t row_bytes = a.d * element_bytes(a.type);
    // Rows without a target cost nothing: they are left out before the product with the head.
    int64_t* picked = cpu.rows.get<int64_t>(a.rows);
    if (!picked) return scratch_missing("linear_cross_entropy", a.rows * 8);
    int64_t supervised = 0;
    for (int64_t row = 0; row < a.rows; ++row) {
      a.losses[row] = 0;
      if (a.targets[row] >= 0) {
        picked[supervised++] = row;
      } else if (a.dhidden) {
        __builtin_memset(static_cast<char*>(a.dhidden) + row * row_bytes, 0, static_cast<size_t>(row_bytes));
      }
    }
    if (a.supervised && *a.supervised != supervised) {
      return {StatusCode::invalid_argument, "linear_cross_entropy: supervised is " +
                                                std::to_string(*a.supervised) + ", but " +
                                                std::to_string(supervised) + " rows have a target"};
    }
    if (supervised == 0) {
      if (a.dhead && a.dhidden && !a.accumulate)
        __builtin_memset(a.dhead, 0, static_cast<size_t>(a.vocab * a.d) * 4);
      return {};
    }
    // Scratch is sized by the rows that may be supervised: no later call of the same sizes asks for more.
    LossChunk chunk;
    const int64_t most = std::min(a.chunk_rows, round_rows(a.rows));
    BELLE_TRY(LossChunk::create(cpu,
                                {static_cast<ops::Type>(a.type), most, a.d, a.vocab, a.dhidden != nullptr},
                                a.head, a.logits_scratch, &chunk));
    const int64_t chunks = blocks(supervised, most),
                  rows = std::min(most, round_rows(blocks(supervised, chunks)));
    for (int64_t i = 0; i < supervised; i += rows)
      run_chunk(chunk, a, picked + i, std::min(rows, supervised - i), most, a.accumulate || i > 0);
    return {};
  });
}

}  // namespace

void set_loss_entries(belle_backend& b) { b.linear_cross_entropy = linear_cross_entropy; }

}  // namespace belle::backend
