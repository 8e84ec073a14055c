#include "native/backend/cpu_gemm.h"

#include <algorithm>

namespace belle::backend {

namespace {

constexpr int64_t kDepth = 256;    // one depth block: a panel of B is 32 kB with 32 columns
constexpr int64_t kRows = 2048;    // packed A: at most 2 MB
constexpr int64_t kCols = 2048;    // packed B: at most 2 MB
constexpr int64_t kTaskRows = 96;  // one task's part of A and of B stay in a second-level cache of 512 kB
constexpr int64_t kTaskCols = 256;
constexpr int64_t kPackRows = 64;

int64_t blocks(int64_t n, int64_t size) { return (n + size - 1) / size; }
int64_t round_up(int64_t n, int64_t to) { return blocks(n, to) * to; }

// The part of beta and bias that belongs to the depth block [p, p + depth) of k.
ops::MultiplyArgs product(const Gemm& g, int64_t p, int64_t depth) {
  return {.rows = 0,
          .cols = 0,
          .depth = depth,
          .a = nullptr,
          .a_panel = 0,
          .b = nullptr,
          .b_panel = 0,
          .c = nullptr,
          .ldc = g.ldc,
          .alpha = g.alpha,
          .beta = p == 0 ? g.beta : 1.0f,
          .bias = p + depth >= g.k ? g.bias : nullptr};
}

// Few rows (decoding): B is read once, packed panel by panel into the thread's own cache and used at once.
Status gemm_few_rows(CpuContext& context, const Gemm& g) {
  const auto& kernels = context.kernels;
  const int64_t mr = kernels.mr, nr = kernels.nr;
  float* a = context.packed_a.get<float>(round_up(g.m, mr) * g.k);
  if (!a) return scratch_missing("gemm", round_up(g.m, mr) * g.k * 4);
  BELLE_TRY(context.thread_scratch(2 * nr * kDepth, "gemm"));
  kernels.pack(a, g.a, g.a_row, g.a_depth, g.m, g.k, static_cast<int>(mr));
  const int64_t cols = 2 * nr;
  auto task = [&](size_t chunk, int thread) {
    const int64_t col = static_cast<int64_t>(chunk) * cols, here = std::min(cols, g.n - col);
    float* b = context.thread[thread].get<float>(2 * nr * kDepth);
    int64_t p = 0;
    do {
      const int64_t depth = std::min(kDepth, g.k - p);
      kernels.pack(b, g.b + col * g.b_col + p * g.b_depth, g.b_col, g.b_depth, here, depth,
                   static_cast<int>(nr));
      ops::MultiplyArgs args = product(g, p, depth);
      args.rows = g.m;
      args.cols = here;
      args.a = a + p * mr;
      args.a_panel = g.k * mr;
      args.b = b;
      args.b_panel = depth * nr;
      args.c = g.c + col;
      if (args.bias) args.bias += col;
      kernels.multiply(args);
      p += depth;
    } while (p < g.k);
  };
  context.parallel(blocks(g.n, cols), 2.0 * g.m * g.n * g.k, task);
  return {};
}

// One block of rows, columns and depth: both operands packed by all threads, then tiles multiplied by all
// threads.
void gemm_block(CpuContext& context, const Gemm& g, float* a, float* b, int64_t row, int64_t rows,
                int64_t col, int64_t cols, int64_t p, int64_t depth) {
  const auto& kernels = context.kernels;
  const int64_t mr = kernels.mr, nr = kernels.nr;
  const int64_t a_step = round_up(kPackRows, mr), b_step = round_up(kPackRows, nr);
  const int64_t a_chunks = blocks(rows, a_step), b_chunks = blocks(cols, b_step);
  auto pack = [&](size_t chunk, int) {
    const int64_t index = static_cast<int64_t>(chunk);
    if (index < a_chunks) {
      const int64_t r = index * a_step;
      kernels.pack(a + r * depth, g.a + (row + r) * g.a_row + p * g.a_depth, g.a_row, g.a_depth,
                   std::min(a_step, rows - r), depth, static_cast<int>(mr));
    } else {
      const int64_t j = (index - a_chunks) * b_step;
      kernels.pack(b + j * depth, g.b + (col + j) * g.b_col + p * g.b_depth, g.b_col, g.b_depth,
                   std::min(b_step, cols - j), depth, static_cast<int>(nr));
    }
  };
  const double work = 2.0 * static_cast<double>(rows) * cols * depth;
  context.parallel(a_chunks + b_chunks, work, pack);

  const int64_t task_rows = round_up(kTaskRows, mr);
  int64_t task_cols = kTaskCols;
  while (blocks(rows, task_rows) * blocks(cols, task_cols) < 4 * context.pool.threads() && task_cols > 2 * nr)
    task_cols /= 2;
  const int64_t row_tasks = blocks(rows, task_rows);
  auto multiply = [&](size_t chunk, int) {
    const int64_t r = static_cast<int64_t>(chunk) % row_tasks * task_rows,
                  j = static_cast<int64_t>(chunk) / row_tasks * task_cols;
    ops::MultiplyArgs args = product(g, p, depth);
    args.rows = std::min(task_rows, rows - r);
    args.cols = std::min(task_cols, cols - j);
    args.a = a + r * depth;
    args.a_panel = depth * mr;
    args.b = b + j * depth;
    args.b_panel = depth * nr;
    args.c = g.c + (row + r) * g.ldc + col + j;
    if (args.bias) args.bias += col + j;
    kernels.multiply(args);
  };
  context.parallel(row_tasks * blocks(cols, task_cols), work, multiply);
}

}  // namespace

Status gemm(CpuContext& context, const Gemm& g) {
  if (g.m == 0 || g.n == 0) return {};
  if (g.m <= 4 * context.kernels.mr) return gemm_few_rows(context, g);
  const int64_t mr = context.kernels.mr, nr = context.kernels.nr;
  const int64_t depth = std::min(g.k, kDepth), row_block = round_up(kRows, mr),
                col_block = round_up(kCols, nr);
  const int64_t a_floats = round_up(std::min(g.m, row_block), mr) * depth,
                b_floats = round_up(std::min(g.n, col_block), nr) * depth;
  float* a = context.packed_a.get<float>(a_floats);
  float* b = context.packed_b.get<float>(b_floats);
  if (!a || !b) return scratch_missing("gemm", (a_floats + b_floats) * 4);
  for (int64_t row = 0; row < g.m; row += row_block) {
    for (int64_t col = 0; col < g.n; col += col_block) {
      int64_t p = 0;
      do {
        const int64_t here = std::min(kDepth, g.k - p);
        gemm_block(context, g, a, b, row, std::min(row_block, g.m - row), col, std::min(col_block, g.n - col),
                   p, here);
        p += here;
      } while (p < g.k);
    }
  }
  return {};
}

}  // namespace belle::backend
