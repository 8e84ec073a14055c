#include "native/backend/cpu_gemm.h"

#include <algorithm>

namespace belle::backend {

namespace {

// One thread's part: a block of B, packed, stays in its second-level cache (1 MB on the CPUs with AVX-512)
// while the rows of A pass by. An item is 4 bytes (native/ops/multiply.h).
constexpr int64_t kBlockItems = 128 << 10;  // of packed B: 512 kB
constexpr int64_t kSteps = 256;             // depth of a block when the sums wait in a float32 C
constexpr int64_t kWholeSteps = 1024;       // depth up to which sums never leave the registers
constexpr int64_t kPanelRows = 96;          // packed A: one panel, 96 kB at kSteps; a multiple of every mr
constexpr int64_t kMaxCols = 512;
constexpr int64_t kTileRows = 960,
                  kTileCols = 256;  // sums that wait: a bfloat16 C of more depth than kWholeSteps
constexpr int64_t kManyRows = 768;
constexpr int64_t kFewRows = 24, kFewSteps = 256, kFewCols = 64;

int64_t blocks(int64_t n, int64_t size) { return (n + size - 1) / size; }
int64_t round_up(int64_t n, int64_t to) { return blocks(n, to) * to; }
// n cut into equal parts of at most `most`, each a multiple of `unit`.
int64_t even(int64_t n, int64_t most, int64_t unit) {
  return round_up(blocks(n, blocks(n, std::max(most, unit))), unit);
}

// How one product is cut. What decides about bits (the order of sums) depends on k and the types only.
struct Plan {
  int64_t steps;        // of the whole depth
  int64_t block_steps;  // of one call of multiply
  int64_t step_depth;   // elements of one step
  bool in_c;            // sums of finished blocks wait in C (float32), else in tiles
  bool pack_a;
  int64_t rows, cols;  // of one task
};

Plan make_plan(const CpuContext& cpu, const Gemm& g) {
  const ops::KernelTable& kernels = cpu.kernels;
  Plan p = {};
  const bool pairs = g.type == ops::Type::bf16 && kernels.pairs;
  p.step_depth = pairs ? 2 : 1;
  p.steps = blocks(g.k, p.step_depth);
  p.in_c = g.out.type == ops::Type::f32;
  p.block_steps = p.in_c ? kSteps : p.steps <= kWholeSteps ? p.steps : kWholeSteps / 2;
  p.block_steps = std::max<int64_t>(1, std::min(p.block_steps, p.steps));
  // Items that are A's own bytes, along memory, are read where they are.
  p.pack_a = g.a_depth != 1 || (g.type == ops::Type::bf16 && (!pairs || g.k % 2 != 0));
  const int64_t waiting_rows = p.in_c || p.block_steps == p.steps ? INT64_MAX : kTileRows;
  if (g.m <= kFewRows) {
    p.rows = kFewRows;
    p.cols = kFewCols;
    if (!p.in_c && p.steps > kFewSteps) p.block_steps = kFewSteps;
    return p;
  }
  const int64_t fits = kBlockItems / p.block_steps / kernels.nr * kernels.nr;
  const int64_t most_cols =
      std::clamp<int64_t>(fits, kernels.nr, waiting_rows == INT64_MAX ? kMaxCols : kTileCols);
  // Every task packs its own block of B and, where A is packed, of A: with few rows the columns are cut to
  // give each thread work, else the rows, not below 192.
  const int64_t threads = cpu.pool.threads(), wanted = threads == 1 ? 1 : 3 * threads;
  const bool cut_rows = p.pack_a || g.m > kManyRows;
  p.cols = even(g.n, std::min(most_cols, blocks(g.n, cut_rows ? threads : wanted)), kernels.nr);
  const int64_t row_tasks =
      cut_rows ? std::clamp<int64_t>(blocks(wanted, blocks(g.n, p.cols)), 1, blocks(g.m, 192)) : 1;
  p.rows = std::min(even(g.m, blocks(g.m, row_tasks), kPanelRows), waiting_rows);
  return p;
}

struct Buffers {
  char *b, *a;
  float* tiles;
};
Buffers buffers(CpuContext& cpu, int thread) {
  char* base = cpu.thread[static_cast<size_t>(thread)].get<char>(gemm_scratch_bytes());
  char* a = base + 4 * kBlockItems;
  return {base, a, reinterpret_cast<float*>(a + 4 * kPanelRows * kWholeSteps)};
}

// The rows [row, row + rows) and columns [col, col + cols) of C.
void run_task(const CpuContext& cpu, const Gemm& g, const Plan& plan, const Buffers& at, int64_t row,
              int64_t rows, int64_t col, int64_t cols) {
  const ops::KernelTable& kernels = cpu.kernels;
  const int64_t size = g.type == ops::Type::f32 ? 4 : 2, out_size = g.out.type == ops::Type::f32 ? 4 : 2,
                bias_size = g.out.bias_type == ops::Type::f32 ? 4 : 2;
  const char *a = static_cast<const char*>(g.a) + row * g.a_row * size,
             *b = static_cast<const char*>(g.b) + col * g.b_col * size;
  ops::MultiplyOut out = g.out;
  out.c = static_cast<char*>(out.c) + (row * out.ldc + col) * out_size;
  if (out.residual) out.residual = static_cast<const char*>(out.residual) + (row * out.ldc + col) * out_size;
  if (out.bias) out.bias = static_cast<const char*>(out.bias) + col * bias_size;
  const bool whole = plan.block_steps == plan.steps || plan.steps == 0;
  int64_t step = 0;
  do {
    const int64_t steps = std::min(plan.block_steps, plan.steps - step), depth_at = step * plan.step_depth,
                  depth = std::min(steps * plan.step_depth, g.k - depth_at);
    kernels.pack({.out = at.b,
                  .in = b + depth_at * g.b_depth * size,
                  .type = g.type,
                  .row_stride = g.b_col,
                  .depth_stride = g.b_depth,
                  .rows = cols,
                  .depth = depth,
                  .panel = kernels.nr});
    const bool first = step == 0, last = step + steps >= plan.steps;
    ops::MultiplyOut here = out;
    if (plan.in_c && !first) here.beta = 1;
    if (plan.in_c && !last) here.bias = here.residual = nullptr;
    const int64_t panel = plan.pack_a ? kPanelRows : rows;
    for (int64_t r = 0; r < rows; r += panel) {
      const int64_t many = std::min(panel, rows - r);
      const char* from = a + (r * g.a_row + depth_at * g.a_depth) * size;
      if (plan.pack_a) {
        kernels.pack({.out = at.a,
                      .in = from,
                      .type = g.type,
                      .row_stride = g.a_row,
                      .depth_stride = g.a_depth,
                      .rows = many,
                      .depth = depth,
                      .panel = kPanelRows});
      }
      ops::MultiplyArgs args = {
          .rows = many,
          .cols = cols,
          .steps = steps,
          .type = g.type,
          .a = plan.pack_a ? at.a : from,
          .a_tile = plan.pack_a ? 4 * kernels.mr : kernels.mr * g.a_row * size,
          .a_row = plan.pack_a ? 4 : g.a_row * size,
          .a_step = plan.pack_a ? 4 * kPanelRows : 4,
          .b = at.b,
          .b_panel = 4 * steps * kernels.nr,
          .tiles = whole || plan.in_c ? nullptr : at.tiles + r * round_up(cols, kernels.nr),
          .first = first || plan.in_c,
          .last = last || plan.in_c,
          .out = here,
      };
      args.out.c = static_cast<char*>(here.c) + r * here.ldc * out_size;
      if (here.residual)
        args.out.residual = static_cast<const char*>(here.residual) + r * here.ldc * out_size;
      kernels.multiply(args);
    }
    step += steps;
  } while (step < plan.steps);
}

}  // namespace

int64_t gemm_scratch_bytes() { return 4 * (kBlockItems + kPanelRows * kWholeSteps + kTileRows * kTileCols); }

Status gemm(CpuContext& cpu, const Gemm& g) {
  if (g.m == 0 || g.n == 0) return {};
  const Plan plan = make_plan(cpu, g);
  BELLE_TRY(cpu.thread_scratch(gemm_scratch_bytes() / 4, "gemm"));
  const int64_t row_tasks = blocks(g.m, plan.rows), col_tasks = blocks(g.n, plan.cols);
  auto task = [&](size_t chunk, int thread) {
    const int64_t row = static_cast<int64_t>(chunk) % row_tasks * plan.rows,
                  col = static_cast<int64_t>(chunk) / row_tasks * plan.cols;
    run_task(cpu, g, plan, buffers(cpu, thread), row, std::min(plan.rows, g.m - row), col,
             std::min(plan.cols, g.n - col));
  };
  cpu.parallel(row_tasks * col_tasks,
               2.0 * static_cast<double>(g.m) * static_cast<double>(g.n) * static_cast<double>(g.k), task);
  return {};
}

}  // namespace belle::backend
