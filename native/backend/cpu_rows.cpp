// Row-wise ops of the CPU backend: norms, rope, embedding, bias gradient. A task is a few rows (each row by
// itself), or, for sums over rows, a strip of columns.
#include <algorithm>

#include "native/backend/cpu_check.h"
#include "native/backend/cpu_entries.h"

namespace belle::backend {

namespace {

constexpr int64_t kStrip = 64;  // columns of one task of a sum over rows

int64_t blocks(int64_t n, int64_t size) { return (n + size - 1) / size; }

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

// body(first column, last column)
template <class Body>
void over_columns(CpuContext& cpu, int64_t rows, int64_t d, Body body) {
  auto task = [&](size_t chunk, int) {
    const int64_t column = static_cast<int64_t>(chunk) * kStrip;
    body(column, std::min(column + kStrip, d));
  };
  cpu.parallel(blocks(d, kStrip), 4.0 * static_cast<double>(rows) * static_cast<double>(d), task);
}

belle_status rms_norm(void* context, void* out, float* rstd, const void* x, const void* weight, float eps,
                      int64_t tokens, int64_t d, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(Check("rms_norm")
                  .rows(type, tokens, d)
                  .pointer("out", out, tokens)
                  .pointer("rstd", rstd, tokens)
                  .pointer("x", x, tokens)
                  .pointer("weight", weight)
                  .status());
    over_rows(cpu, tokens, d, [&](int64_t row, int64_t rows) {
      cpu.kernels.rms_norm(f32(out) + row * d, rstd + row, f32(x) + row * d, f32(weight), eps, rows, d);
    });
    return {};
  });
}

belle_status rms_norm_backward(void* context, void* dx, float* dweight, const void* dout, const void* x,
                               const void* weight, const float* rstd, const void* residual, int64_t tokens,
                               int64_t d, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(Check("rms_norm_backward")
                  .that(!residual, [] { return std::string("a residual is not added here"); })
                  .rows(type, tokens, d)
                  .pointer("dx", dx, tokens)
                  .pointer("dout", dout, tokens)
                  .pointer("x", x, tokens)
                  .pointer("weight", weight)
                  .pointer("rstd", rstd, tokens)
                  .status());
    if (dweight) {  // first: dx may be dout
      over_columns(cpu, tokens, d, [&](int64_t first, int64_t last) {
        cpu.kernels.rms_norm_weight_gradient(dweight, f32(dout), f32(x), rstd, tokens, d, first, last);
      });
    }
    over_rows(cpu, tokens, d, [&](int64_t row, int64_t rows) {
      cpu.kernels.rms_norm_backward(f32(dx) + row * d, f32(dout) + row * d, f32(x) + row * d, f32(weight),
                                    rstd + row, rows, d);
    });
    return {};
  });
}

belle_status layer_norm(void* context, void* out, float* mean, float* rstd, const void* x, const void* weight,
                        const void* bias, float eps, int64_t tokens, int64_t d, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(Check("layer_norm")
                  .rows(type, tokens, d)
                  .pointer("out", out, tokens)
                  .pointer("mean", mean, tokens)
                  .pointer("rstd", rstd, tokens)
                  .pointer("x", x, tokens)
                  .pointer("weight", weight)
                  .pointer("bias", bias)
                  .status());
    over_rows(cpu, tokens, d, [&](int64_t row, int64_t rows) {
      cpu.kernels.layer_norm(f32(out) + row * d, mean + row, rstd + row, f32(x) + row * d, f32(weight),
                             f32(bias), eps, rows, d);
    });
    return {};
  });
}

belle_status layer_norm_backward(void* context, void* dx, float* dweight, float* dbias, const void* dout,
                                 const void* x, const void* weight, const float* mean, const float* rstd,
                                 const void* residual, int64_t tokens, int64_t d, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(Check("layer_norm_backward")
                  .that(!residual, [] { return std::string("a residual is not added here"); })
                  .rows(type, tokens, d)
                  .pointer("dx", dx, tokens)
                  .pointer("dout", dout, tokens)
                  .pointer("x", x, tokens)
                  .pointer("weight", weight)
                  .pointer("mean", mean, tokens)
                  .pointer("rstd", rstd, tokens)
                  .status());
    if (dweight || dbias) {  // first: dx may be dout
      over_columns(cpu, tokens, d, [&](int64_t first, int64_t last) {
        if (dweight) {
          cpu.kernels.layer_norm_weight_gradient(dweight, f32(dout), f32(x), mean, rstd, tokens, d, first,
                                                 last);
        }
        if (dbias) cpu.kernels.bias_backward(dbias, f32(dout), tokens, d, first, last);
      });
    }
    over_rows(cpu, tokens, d, [&](int64_t row, int64_t rows) {
      cpu.kernels.layer_norm_backward(f32(dx) + row * d, f32(dout) + row * d, f32(x) + row * d, f32(weight),
                                      mean + row, rstd + row, rows, d);
    });
    return {};
  });
}

belle_status bias_backward(void* context, float* dbias, const void* dout, int64_t tokens, int64_t d,
                           int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(Check("bias_backward")
                  .rows(type, tokens, d)
                  .pointer("dbias", dbias)
                  .pointer("dout", dout, tokens)
                  .status());
    over_columns(cpu, tokens, d, [&](int64_t first, int64_t last) {
      cpu.kernels.bias_backward(dbias, f32(dout), tokens, d, first, last);
    });
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
    BELLE_TRY(Check("rope")
                  .f32(type)
                  .size("tokens", tokens)
                  .size("heads", heads, 1)
                  .size("head_dim", head_dim, 2)
                  .size("stride", stride, 1)
                  .size("head_stride", head_stride, 1)
                  .pointer("x", x, tokens)
                  .pointer("positions", positions, tokens)
                  .that(head_dim % 2 == 0,
                        [&] {
                          return "head_dim is " + std::to_string(head_dim) +
                                 "; RoPE turns pairs, it must be even";
                        })
                  .that(theta > 0,
                        [&] { return "theta is " + std::to_string(theta) + "; rope_theta must be above 0"; })
                  .status());
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
        cpu.kernels.rope_rotate(f32(x) + t * stride, angles, heads, head_dim, head_stride, inverse);
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
    BELLE_TRY(Check("embedding")
                  .rows(type, tokens, d)
                  .pointer("out", out, tokens)
                  .pointer("table", table)
                  .pointer("ids", ids, tokens)
                  .status());
    BELLE_TRY(
        check_ids("embedding", ids, tokens, int64_t{1} << 31));  // the ABI does not say how long the table is
    over_rows(cpu, tokens, d, [&](int64_t row, int64_t rows) {
      cpu.kernels.embedding(f32(out) + row * d, f32(table), ids + row, rows, d);
    });
    return {};
  });
}

belle_status embedding_backward(void* context, float* dtable, const void* dout, const int32_t* ids,
                                int64_t tokens, int64_t d, int64_t vocab, int32_t type) {
  return run_op(context, [&](CpuContext& cpu) -> Status {
    BELLE_TRY(Check("embedding_backward")
                  .rows(type, tokens, d)
                  .size("vocab", vocab, 1)
                  .pointer("dtable", dtable)
                  .pointer("dout", dout, tokens)
                  .pointer("ids", ids, tokens)
                  .status());
    BELLE_TRY(check_ids("embedding_backward", ids, tokens, vocab));
    over_columns(cpu, tokens, d, [&](int64_t first, int64_t last) {
      cpu.kernels.embedding_backward(dtable, f32(dout), ids, tokens, d, first, last);
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
