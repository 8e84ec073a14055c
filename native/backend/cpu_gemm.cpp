#include "native/backend/cpu_gemm.h"

#include <algorithm>

namespace belle::backend {

namespace {

// One thread's part: a block of B, packed, stays in its second-level cache (1 MB on the CPUs with AVX-512)
// while the rows of A pass by. An item is 4 bytes (native/ops/multiply.h).
constexpr int64_t kBlockItems = 128 << 10;  // of packed B: 512 kB
constexpr int64_t kSteps = 256;             // depth of a block when the sums wait in a float32 C
constexpr int64_t kWholeSteps = 1024;       // depth up to which sums never leave the registers
constexpr int64_t kMaxCols = 512;
constexpr int64_t kTileRows = 960,
                  kTileCols = 256;  // sums that wait: a bfloat16 C of more depth than kWholeSteps
constexpr int64_t kManyRows = 768;
constexpr int64_t kFewRows = 24, kFewSteps = 256, kFewCols = 64;

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
  p.pack_a = !items_in_place(kernels, g.type, g.a_depth, g.k);
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
  ops::MultiplyOut out = g.out;
  out.c = ops::offset(out.c, row * out.ldc + col, out.type);
  if (out.residual) out.residual = ops::offset(out.residual, row * out.ldc + col, out.type);
  if (out.bias) out.bias = ops::offset(out.bias, col, out.bias_type);
  const bool whole = plan.block_steps == plan.steps || plan.steps == 0;
  int64_t step = 0;
  do {
    const int64_t steps = std::min(plan.block_steps, plan.steps - step), depth_at = step * plan.step_depth,
                  depth = std::min(steps * plan.step_depth, g.k - depth_at);
    kernels.pack({.out = at.b,
                  .in = ops::offset(g.b, col * g.b_col + depth_at * g.b_depth, g.type),
                  .type = g.type,
                  .row_stride = g.b_col,
                  .depth_stride = g.b_depth,
                  .rows = cols,
                  .depth = depth,
                  .panel = kernels.nr});
    const bool first = step == 0, last = step + steps >= plan.steps;
    // In C the residual is added at once: it may be C itself, which the first block overwrites.
    ops::MultiplyOut here = out;
    if (plan.in_c && !first) here.beta = 1, here.residual = nullptr;
    if (plan.in_c && !last) here.bias = nullptr;
    multiply_rows(kernels,
                  {ops::offset(g.a, row * g.a_row + depth_at * g.a_depth, g.type), g.a_row, g.a_depth,
                   plan.pack_a ? at.a : nullptr},
                  depth, cols,
                  {.rows = rows,
                   .cols = cols,
                   .steps = steps,
                   .type = g.type,
                   .b = at.b,
                   .b_panel = 4 * steps * kernels.nr,
                   .tiles = whole || plan.in_c ? nullptr : at.tiles,
                   .first = first || plan.in_c,
                   .last = last || plan.in_c,
                   .out = here});
    step += steps;
  } while (step < plan.steps);
}

}  // namespace

bool items_in_place(const ops::KernelTable& kernels, ops::Type type, int64_t a_depth, int64_t depth) {
  return a_depth == 1 && (type == ops::Type::f32 || (kernels.pairs && depth % 2 == 0));
}

void multiply_rows(const ops::KernelTable& kernels, const RowsOfA& a, int64_t depth, int64_t block_cols,
                   const ops::MultiplyArgs& all) {
  const int64_t panel = a.packed ? kPanelRows : all.rows, width = round_up(all.cols, kernels.nr),
                row_bytes = a.row * ops::size_of(all.type);
  ops::MultiplyArgs args = all;
  args.a_tile = a.packed ? 4 * kernels.mr : kernels.mr * row_bytes;
  args.a_row = a.packed ? 4 : row_bytes;
  args.a_step = a.packed ? 4 * kPanelRows : 4;
  for (int64_t row = 0; row < all.rows; row += panel) {
    args.rows = std::min(panel, all.rows - row);
    args.a = ops::offset(a.at, row * a.row, all.type);
    if (a.packed) {
      kernels.pack({.out = a.packed,
                    .in = args.a,
                    .type = all.type,
                    .row_stride = a.row,
                    .depth_stride = a.depth,
                    .rows = args.rows,
                    .depth = depth,
                    .panel = kPanelRows});
      args.a = a.packed;
    }
    for (int64_t col = 0; col < all.cols; col += block_cols) {
      args.cols = std::min(block_cols, all.cols - col);
      args.b = static_cast<const char*>(all.b) + col / kernels.nr * all.b_panel;
      if (all.tiles) args.tiles = all.tiles + row * width + col * round_up(args.rows, kernels.mr);
      args.out.c = ops::offset(all.out.c, row * all.out.ldc + col, all.out.type);
      if (all.out.residual)
        args.out.residual = ops::offset(all.out.residual, row * all.out.ldc + col, all.out.type);
      if (all.out.bias) args.out.bias = ops::offset(all.out.bias, col, all.out.bias_type);
      kernels.multiply(args);
    }
  }
}

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
