// Row-wise ops of the CPU backend: norms, rope, embedding, bias gradient. A task is a few rows, each row by
// itself. Sums over rows are made of the partial sums of 32 rows each, added in their order: what they are
// does not depend on the threads, and the rounding error of long packs stays near that of 32 rows.
#include <algorithm>

#include "native/backend/cpu_entries.h"

namespace belle::backend {

namespace {

constexpr int64_t kPartRows = 32;  // rows of one partial sum

// body(first row, rows): about 16k elements each.
template <class Body>
void over_rows(CpuContext& cpu, int64_t rows, int64_t d, Body body) {
  const int64_t step = std::max<int64_t>(1, 16384 / d);
  auto task = [&](size_t chunk, int) {
    const int64_t row = static_cast<int64_t>(chunk) * step;
    body(row, std::min(step, rows - row));
  };
  cpu.parallel(blocks(rows, step), 4.0 * static_cast<double>(rows) * static_cast<double>(d), task);
}

// body(first column, last column): strips of at least 64 columns
template <class Body>
void over_columns(CpuContext& cpu, int64_t rows, int64_t d, Body body) {
  const int64_t strip = std::max<int64_t>(1, blocks(blocks(d, cpu.pool.threads()), 64)) * 64;
  auto task = [&](size_t chunk, int) {
    const int64_t column = static_cast<int64_t>(chunk) * strip;
    body(column, std::min(column + strip, d));
  };
  cpu.parallel(blocks(d, strip), 4.0 * static_cast<double>(rows) * static_cast<double>(d), task);
}

// The partial sums over rows of `sums` gradients [d].
struct PartialSums {
  static Result<PartialSums> open(CpuContext& cpu, const char* op, int64_t tokens, int64_t d, int sums) {
    const int64_t parts = blocks(tokens, kPartRows), floats = sums * parts * d;
    float* data = sums ? cpu.partial_sums.get<float>(floats) : nullptr;
    if (sums && !data) return scratch_missing(op, floats * 4);
    return PartialSums{data, parts, d};
  }
  float* of(int sum, int64_t part) const { return data + (sum * parts + part) * d; }
  // out[d] += the sum over all rows.
  void add_to(float* out, CpuContext& cpu, int sum) const {
    over_columns(cpu, parts, d, [&](int64_t first, int64_t last) {
      cpu.kernels.add_partial_sums(out, of(sum, 0), parts, d, first, last);
    });
  }

  float* data;
  int64_t parts, d;
};

// body(part, first row, rows)
template <class Body>
void over_parts(CpuContext& cpu, int64_t rows, int64_t d, Body body) {
  auto task = [&](size_t part, int) {
    const int64_t row = static_cast<int64_t>(part) * kPartRows;
    body(static_cast<int64_t>(part), row, std::min(kPartRows, rows - row));
  };
  cpu.parallel(blocks(rows, kPartRows), 4.0 * static_cast<double>(rows) * static_cast<double>(d), task);
}

belle_status rms_norm(void* context, void* out, float* rstd, const void* x, const void* weight, float eps,
                      int64_t tokens, int64_t d, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_rms_norm(out, rstd, x, weight, tokens, d, type));
    over_rows(cpu, tokens, d, [&](int64_t row, int64_t rows) {
      cpu.kernels.rms_norm(at(out, row * d, type), rstd + row, at(x, row * d, type), weight, eps, rows, d,
                           kernel_type(type));
    });
    return {};
  });
}

belle_status rms_norm_backward(void* context, void* dx, float* dweight, const void* dout, const void* x,
                               const void* weight, const float* rstd, const void* residual, int64_t tokens,
                               int64_t d, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_rms_norm_backward(dx, dout, x, weight, rstd, tokens, d, type));
    BELLE_ASSIGN(const PartialSums sums,
                 PartialSums::open(cpu, "rms_norm_backward", tokens, d, dweight ? 1 : 0));
    over_parts(cpu, tokens, d, [&](int64_t part, int64_t row, int64_t rows) {
      cpu.kernels.rms_norm_backward(at(dx, row * d, type), dweight ? sums.of(0, part) : nullptr,
                                    at(dout, row * d, type), at(x, row * d, type), weight, rstd + row,
                                    residual ? at(residual, row * d, type) : nullptr, rows, d,
                                    kernel_type(type));
    });
    if (dweight) sums.add_to(dweight, cpu, 0);
    return {};
  });
}

belle_status layer_norm(void* context, void* out, float* mean, float* rstd, const void* x, const void* weight,
                        const void* bias, float eps, int64_t tokens, int64_t d, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_layer_norm(out, mean, rstd, x, weight, bias, tokens, d, type));
    over_rows(cpu, tokens, d, [&](int64_t row, int64_t rows) {
      cpu.kernels.layer_norm(at(out, row * d, type), mean + row, rstd + row, at(x, row * d, type), weight,
                             bias, eps, rows, d, kernel_type(type));
    });
    return {};
  });
}

belle_status layer_norm_backward(void* context, void* dx, float* dweight, float* dbias, const void* dout,
                                 const void* x, const void* weight, const float* mean, const float* rstd,
                                 const void* residual, int64_t tokens, int64_t d, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_layer_norm_backward(dx, dout, x, weight, mean, rstd, tokens, d, type));
    BELLE_ASSIGN(const PartialSums sums,
                 PartialSums::open(cpu, "layer_norm_backward", tokens, d, dweight || dbias ? 2 : 0));
    over_parts(cpu, tokens, d, [&](int64_t part, int64_t row, int64_t rows) {
      cpu.kernels.layer_norm_backward(
          at(dx, row * d, type), dweight ? sums.of(0, part) : nullptr, dbias ? sums.of(1, part) : nullptr,
          at(dout, row * d, type), at(x, row * d, type), weight, mean + row, rstd + row,
          residual ? at(residual, row * d, type) : nullptr, rows, d, kernel_type(type));
    });
    if (dweight) sums.add_to(dweight, cpu, 0);
    if (dbias) sums.add_to(dbias, cpu, 1);
    return {};
  });
}

belle_status bias_backward(void* context, float* dbias, const void* dout, int64_t tokens, int64_t d,
                           int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_bias_backward(dbias, dout, tokens, d, type));
    BELLE_ASSIGN(const PartialSums sums, PartialSums::open(cpu, "bias_backward", tokens, d, 1));
    over_parts(cpu, tokens, d, [&](int64_t part, int64_t row, int64_t rows) {
      cpu.kernels.column_sums(sums.of(0, part), at(dout, row * d, type), rows, d, kernel_type(type));
    });
    sums.add_to(dbias, cpu, 0);
    return {};
  });
}

// Positions below this have their angles kept between calls; beyond, they are computed again at each call.
constexpr int64_t kRopeRows = 1 << 16;

Status grow_rope_table(CpuContext& cpu, int64_t rows, int32_t head_dim, float theta) {
  if (cpu.rope_dim == head_dim && cpu.rope_theta == theta && cpu.rope_rows >= rows) return {};
  cpu.rope_rows = 0;
  const int64_t grown = std::min(kRopeRows, (rows + 1023) / 1024 * 1024);
  float* table = cpu.rope.get<float>(grown * head_dim);
  if (!table) return scratch_missing("rope", grown * head_dim * 4);
  over_rows(cpu, grown, head_dim, [&](int64_t row, int64_t count) {
    for (int64_t r = row; r < row + count; ++r) {
      cpu.kernels.rope_table(table + r * head_dim, static_cast<int32_t>(r), head_dim, theta);
    }
  });
  cpu.rope_rows = grown;
  cpu.rope_dim = head_dim;
  cpu.rope_theta = theta;
  return {};
}

belle_status rope(void* context, void* x, const int32_t* positions, int64_t tokens, int32_t heads,
                  int32_t head_dim, int64_t stride, int64_t head_stride, float theta, int32_t inverse,
                  int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_rope(x, positions, tokens, heads, head_dim, stride, head_stride, theta, type));
    int64_t rows = 0;
    for (int64_t t = 0; t < tokens; ++t) {
      BELLE_TRY(Check("rope")
                    .that(positions[t] >= 0,
                          [&] {
                            return "the position of token " + std::to_string(t) + " is " +
                                   std::to_string(positions[t]) + "; positions start at 0";
                          })
                    .status());
      if (positions[t] < kRopeRows) rows = std::max<int64_t>(rows, positions[t] + 1);
    }
    BELLE_TRY(grow_rope_table(cpu, rows, head_dim, theta));
    BELLE_TRY(cpu.thread_scratch(head_dim, "rope"));
    const float* table = cpu.rope.get<float>(0);
    const int64_t step = std::max<int64_t>(1, 16384 / (int64_t{heads} * head_dim));
    auto task = [&](size_t chunk, int thread) {
      const int64_t first = static_cast<int64_t>(chunk) * step;
      for (int64_t t = first; t < std::min(first + step, tokens); ++t) {
        const float* angles = table + positions[t] * int64_t{head_dim};
        if (positions[t] >= kRopeRows) {
          float* own = cpu.thread[thread].get<float>(head_dim);
          cpu.kernels.rope_table(own, positions[t], head_dim, theta);
          angles = own;
        }
        cpu.kernels.rope_rotate(at(x, t * stride, type), angles, heads, head_dim, head_stride, inverse,
                                kernel_type(type));
      }
    };
    cpu.parallel(blocks(tokens, step), 4.0 * static_cast<double>(tokens) * heads * head_dim, task);
    return {};
  });
}

Status check_ids(const char* op, const int32_t* ids, int64_t tokens, int64_t vocab) {
  for (int64_t t = 0; t < tokens; ++t) {
    BELLE_TRY(Check(op)
                  .that(ids[t] >= 0 && ids[t] < vocab,
                        [&] {
                          return "id " + std::to_string(ids[t]) + " of token " + std::to_string(t) +
                                 " is outside the table" +
                                 (ids[t] >= 0 ? " of " + std::to_string(vocab) + " rows" : "") +
                                 "; the tokenizer and the model do not fit";
                        })
                  .status());
  }
  return {};
}

belle_status embedding(void* context, void* out, const void* table, const int32_t* ids, int64_t tokens,
                       int64_t d, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_embedding(out, table, ids, tokens, d, type));
    BELLE_TRY(
        check_ids("embedding", ids, tokens, int64_t{1} << 31));  // the ABI does not say how long the table is
    over_rows(cpu, tokens, d, [&](int64_t row, int64_t rows) {
      cpu.kernels.embedding(at(out, row * d, type), table, ids + row, rows, d, kernel_type(type));
    });
    return {};
  });
}

belle_status embedding_backward(void* context, float* dtable, const void* dout, const int32_t* ids,
                                int64_t tokens, int64_t d, int64_t vocab, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(abi::check_embedding_backward(dtable, dout, ids, tokens, d, vocab, type));
    BELLE_TRY(check_ids("embedding_backward", ids, tokens, vocab));
    over_columns(cpu, tokens, d, [&](int64_t first, int64_t last) {
      cpu.kernels.embedding_backward(dtable, dout, ids, tokens, d, first, last, kernel_type(type));
    });
    return {};
  });
}

}  // namespace

void set_row_entries(belle_backend& b) {
  b.rms_norm = rms_norm;
  b.rms_norm_backward = rms_norm_backward;
  b.layer_norm = layer_norm;
  b.layer_norm_backward = layer_norm_backward;
  b.bias_backward = bias_backward;
  b.rope = rope;
  b.embedding = embedding;
  b.embedding_backward = embedding_backward;
}

}  // namespace belle::backend
