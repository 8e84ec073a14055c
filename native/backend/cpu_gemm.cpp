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
constexpr int64_t kPackedRows = 42 * kPanelRows;  // of A, and columns of B, packed at once by all: 4 MB each
constexpr int64_t kFewestRows = 2 * kPanelRows;   // of a task where several pack the same columns
constexpr int64_t kFewRows = 24, kFewSteps = 256, kFewCols = 64;

// n in `parts` parts of whole units, one unit more in the first ones: the larger tasks begin earlier.
struct Cut {
  int64_t n, unit, parts;
  int64_t begin(int64_t part) const {
    const int64_t units = blocks(n, unit);
    return std::min(n, (units / parts * part + std::min(units % parts, part)) * unit);
  }
};
// Into `wanted` parts, or as many more as hold each to `most`.
Cut cut(int64_t n, int64_t unit, int64_t most, int64_t wanted) {
  const int64_t units = blocks(n, unit);
  return {n, unit, std::min(units, std::max(wanted, blocks(units, std::max<int64_t>(most / unit, 1))))};
}
// The same, with as many parts for every thread.
Cut cut_for(int64_t n, int64_t unit, int64_t most, int64_t wanted, int64_t threads) {
  return cut(n, unit, most, round_up(cut(n, unit, most, wanted).parts, threads));
}

// How one product is cut. What decides about bits (the order of sums) depends on k and the types only.
struct Plan {
  int64_t steps;        // of the whole depth
  int64_t block_steps;  // of one call of multiply
  int64_t step_depth;   // elements of one step
  bool in_c;            // sums of finished blocks wait in C (float32), else in tiles
  bool pack_a;
  Cut rows, cols;  // a task is one part of each
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
    p.rows = {g.m, kFewRows, 1};
    p.cols = {g.n, kFewCols, blocks(g.n, kFewCols)};
    if (!p.in_c && p.steps > kFewSteps) p.block_steps = kFewSteps;
    return p;
  }
  const int64_t fits = kBlockItems / p.block_steps / kernels.nr * kernels.nr;
  const int64_t most_cols =
      std::clamp<int64_t>(fits, kernels.nr, waiting_rows == INT64_MAX ? kMaxCols : kTileCols);
  // A task packs its columns of B for all rows: nothing is packed twice, unless there are more threads than
  // panels of columns.
  const int64_t threads = cpu.pool.threads(), wanted = threads == 1 ? 1 : 3 * threads;
  p.cols = cut_for(g.n, kernels.nr, most_cols, wanted, threads);
  const int64_t row_tasks = p.cols.parts < threads ? blocks(wanted, p.cols.parts) : 1;
  p.rows = cut(g.m, kPanelRows, waiting_rows, std::min(row_tasks, blocks(g.m, kFewestRows)));
  return p;
}

ops::MultiplyOut out_at(ops::MultiplyOut out, int64_t row, int64_t col) {
  out.c = ops::offset(out.c, row * out.ldc + col, out.type);
  if (out.residual) out.residual = ops::offset(out.residual, row * out.ldc + col, out.type);
  if (out.bias) out.bias = ops::offset(out.bias, col, out.bias_type);
  return out;
}

// One of several blocks of depth whose sums wait in C. The residual is added at once: it may be C itself,
// which the first block overwrites.
ops::MultiplyOut out_of_block(ops::MultiplyOut out, bool first, bool last) {
  if (!first) out.beta = 1, out.residual = nullptr;
  if (!last) out.bias = nullptr;
  return out;
}

// Rows of A or columns of B: element (i, p) at data + i * stride + p * depth.
struct Operand {
  const void* data;
  int64_t stride, depth;
};
void pack(const ops::KernelTable& kernels, ops::Type type, const Operand& in, int64_t first, int64_t count,
          int64_t depth_at, int64_t depth, int64_t panel, char* out) {
  kernels.pack({.out = out,
                .in = ops::offset(in.data, first * in.stride + depth_at * in.depth, type),
                .type = type,
                .row_stride = in.stride,
                .depth_stride = in.depth,
                .rows = count,
                .depth = depth,
                .panel = static_cast<int>(panel)});
}

double products(int64_t m, int64_t n, int64_t k) {
  return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
}

// Both operands packed, a block of depth of all threads at a time: neither is packed twice, as it would be by
// tasks that share its rows or columns.
Status multiply_packed(CpuContext& cpu, const Gemm& g, const Plan& plan) {
  const ops::KernelTable& kernels = cpu.kernels;
  const int64_t nr = kernels.nr, threads = cpu.pool.threads();
  const int64_t a_items = round_up(std::min(g.m, kPackedRows), kPanelRows) * plan.block_steps,
                b_items = round_up(std::min(g.n, kPackedRows), nr) * plan.block_steps;
  char* a = cpu.packed.get<char>(4 * (a_items + b_items));
  if (!a) return scratch_missing("gemm", 4 * (a_items + b_items));
  char* b = a + 4 * a_items;
  const auto block = [&](int64_t row0, int64_t rows, int64_t col0, int64_t cols, int64_t step) {
    const int64_t steps = std::min(plan.block_steps, plan.steps - step), depth_at = step * plan.step_depth,
                  depth = std::min(steps * plan.step_depth, g.k - depth_at);
    const int64_t a_panels = blocks(rows, kPanelRows), b_panels = blocks(cols, nr);
    cpu.parallel(a_panels + b_panels, static_cast<double>((rows + cols) * depth), [&](size_t i, int) {
      const auto panel = static_cast<int64_t>(i);
      if (panel < a_panels) {
        const int64_t row = panel * kPanelRows;
        pack(kernels, g.type, {g.a, g.a_row, g.a_depth}, row0 + row, std::min(kPanelRows, rows - row),
             depth_at, depth, kPanelRows, a + 4 * steps * row);
      } else {
        const int64_t col = (panel - a_panels) * nr;
        pack(kernels, g.type, {g.b, g.b_col, g.b_depth}, col0 + col, std::min(nr, cols - col), depth_at,
             depth, nr, b + 4 * steps * col);
      }
    });
    const Cut by_cols = cut_for(cols, nr, kBlockItems / plan.block_steps, threads, threads),
              by_rows =
                  cut(rows, kPanelRows, INT64_MAX, threads == 1 ? 1 : blocks(4 * threads, by_cols.parts));
    const ops::MultiplyOut out = out_of_block(g.out, step == 0, step + steps >= plan.steps);
    cpu.parallel(by_cols.parts * by_rows.parts, products(rows, cols, depth), [&](size_t i, int) {
      const auto task = static_cast<int64_t>(i);
      const int64_t col = by_cols.begin(task / by_rows.parts), end = by_cols.begin(task / by_rows.parts + 1);
      for (int64_t row = by_rows.begin(task % by_rows.parts); row < by_rows.begin(task % by_rows.parts + 1);
           row += kPanelRows) {
        kernels.multiply({.rows = std::min(kPanelRows, rows - row),
                          .cols = end - col,
                          .steps = steps,
                          .type = g.type,
                          .a = a + 4 * steps * row,
                          .a_tile = 4 * kernels.mr,
                          .a_row = 4,
                          .a_step = 4 * kPanelRows,
                          .b = b + 4 * steps * col,
                          .b_panel = 4 * steps * nr,
                          .out = out_at(out, row0 + row, col0 + col)});
      }
    });
  };
  for (int64_t row = 0; row < g.m; row += kPackedRows) {
    for (int64_t col = 0; col < g.n; col += kPackedRows) {
      for (int64_t step = 0; step == 0 || step < plan.steps; step += plan.block_steps)
        block(row, std::min(kPackedRows, g.m - row), col, std::min(kPackedRows, g.n - col), step);
    }
  }
  return {};
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
  const ops::MultiplyOut out = out_at(g.out, row, col);
  const bool whole = plan.block_steps == plan.steps || plan.steps == 0;
  int64_t step = 0;
  do {
    const int64_t steps = std::min(plan.block_steps, plan.steps - step), depth_at = step * plan.step_depth,
                  depth = std::min(steps * plan.step_depth, g.k - depth_at);
    pack(kernels, g.type, {g.b, g.b_col, g.b_depth}, col, cols, depth_at, depth, kernels.nr, at.b);
    const bool first = step == 0, last = step + steps >= plan.steps;
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
                   .out = plan.in_c ? out_of_block(out, first, last) : out});
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
      pack(kernels, all.type, {a.at, a.row, a.depth}, row, args.rows, 0, depth, kPanelRows, a.packed);
      args.a = a.packed;
    }
    for (int64_t col = 0; col < all.cols; col += block_cols) {
      args.cols = std::min(block_cols, all.cols - col);
      args.b = static_cast<const char*>(all.b) + col / kernels.nr * all.b_panel;
      if (all.tiles) args.tiles = all.tiles + row * width + col * round_up(args.rows, kernels.mr);
      args.out = out_at(all.out, row, col);
      kernels.multiply(args);
    }
  }
}

int64_t gemm_scratch_bytes() { return 4 * (kBlockItems + kPanelRows * kWholeSteps + kTileRows * kTileCols); }

Status gemm(CpuContext& cpu, const Gemm& g) {
  if (g.m == 0 || g.n == 0) return {};
  const Plan plan = make_plan(cpu, g);
  // A deep C of bfloat16, whose sums cannot wait in it, is nothing that training computes.
  if (plan.pack_a && g.m > kFewRows && (plan.in_c || plan.steps <= kSteps))
    return multiply_packed(cpu, g, plan);
  BELLE_TRY(cpu.thread_scratch(gemm_scratch_bytes() / 4, "gemm"));
  auto task = [&](size_t chunk, int thread) {
    const auto i = static_cast<int64_t>(chunk);
    const int64_t row = plan.rows.begin(i % plan.rows.parts),
                  rows = plan.rows.begin(i % plan.rows.parts + 1) - row,
                  col = plan.cols.begin(i / plan.rows.parts),
                  cols = plan.cols.begin(i / plan.rows.parts + 1) - col;
    run_task(cpu, g, plan, buffers(cpu, thread), row, rows, col, cols);
  };
  cpu.parallel(plan.rows.parts * plan.cols.parts, products(g.m, g.n, g.k), task);
  return {};
}

}  // namespace belle::backend
