#include <algorithm>
#include <cmath>

#include "native/backend/cpu_gemm.h"
#include "native/backend/cpu_loss.h"
#include "native/core/dtype.h"

namespace belle::backend {

namespace {

constexpr int64_t kEntries = 256;           // of a band: fixed, a loss's bits depend on it
constexpr int64_t kBlockCols = 64;          // columns of dhidden of one task; a multiple of every nr
constexpr int64_t kBlockItems = 128 << 10;  // of packed B that stay in the second-level cache
constexpr int64_t kWaveBytes = 2 << 20;     // of packed gradients and head, read by all threads

// Hands out 64-byte aligned pieces of one block; without a base it only counts.
class Carver {
 public:
  explicit Carver(char* base) : base_(base) {}
  template <class T>
  void take(T** piece, int64_t count) {
    if (base_) *piece = reinterpret_cast<T*>(base_ + used_);
    used_ += round_up(count * static_cast<int64_t>(sizeof(T)), 64);
  }
  int64_t used() const { return used_; }

 private:
  char* base_;
  int64_t used_ = 0;
};

double work(int64_t rows, int64_t cols, int64_t depth) {
  return 2.0 * static_cast<double>(rows) * static_cast<double>(cols) * static_cast<double>(depth);
}

float value_at(const char* base, int64_t index, ops::Type type) {
  if (type == ops::Type::f32) return reinterpret_cast<const float*>(base)[index];
  return bf16_to_f32(reinterpret_cast<const uint16_t*>(base)[index]);
}

}  // namespace

Status LossChunk::create(CpuContext& cpu, const Shape& shape, const void* head, void* logits,
                         LossChunk* out) {
  LossChunk& c = *out;
  c.cpu_ = &cpu;
  c.shape_ = shape;
  c.head_ = static_cast<const char*>(head);
  c.logits_ = static_cast<char*>(logits);
  c.size_ = ops::size_of(shape.type);
  c.step_depth_ = shape.type == ops::Type::bf16 && cpu.kernels.pairs ? 2 : 1;
  c.bands_ = blocks(shape.vocab, kEntries);
  const int64_t rows = shape.rows, d = shape.d, band_steps = c.steps(kEntries), threads = cpu.pool.threads(),
                panel_rows = round_up(rows, kPanelRows), cols = round_up(d, kBlockCols);
  const int64_t fitting = kWaveBytes / (4 * band_steps * (panel_rows + cols));
  c.wave_bands_ = std::min(c.bands_, round_up(std::max<int64_t>(fitting, 1), threads));
  const auto carve = [&](char* base) {
    Carver carver(base);
    Buffers& at = c.at_;
    carver.take(&at.hidden, rows * d * c.size_);
    carver.take(&at.by_depth, 4 * round_up(rows, cpu.kernels.nr) * c.steps(d));
    carver.take(&at.highest, c.bands_ * rows);
    carver.take(&at.total, c.bands_ * rows);
    carver.take(&at.all_highest, rows);
    carver.take(&at.scale, rows);
    carver.take(&at.chosen, rows);
    carver.take(&at.loss, rows);
    carver.take(&at.all_total, rows);
    carver.take(&at.targets, rows);
    if (!shape.gradient) return carver.used();
    carver.take(&at.dhidden, rows * d * c.size_);
    carver.take(&at.by_row, 4 * cols * c.steps(rows));
    carver.take(&at.gradient_items, 4 * c.wave_bands_ * band_steps * panel_rows);
    carver.take(&at.head_items, 4 * c.wave_bands_ * band_steps * cols);
    carver.take(&at.tiles, panel_rows * cols);
    return carver.used();
  };
  const int64_t bytes = carve(nullptr);
  char* base = cpu.gathered.get<char>(bytes);
  if (!base) return scratch_missing("linear_cross_entropy", bytes);
  carve(base);
  return cpu.thread_scratch(kPanelRows * std::max(c.steps(d), c.steps(rows)), "linear_cross_entropy");
}

int64_t LossChunk::entries(int64_t band) const { return std::min(kEntries, shape_.vocab - band * kEntries); }
char* LossChunk::logits_of(int64_t band) const { return logits_ + band * kEntries * rows_ * size_; }

void LossChunk::pack_columns(void* out, const char* in, int64_t col_stride, int64_t depth_stride,
                             int64_t cols, int64_t depth) const {
  cpu_->kernels.pack({.out = out,
                      .in = in,
                      .type = shape_.type,
                      .row_stride = col_stride,
                      .depth_stride = depth_stride,
                      .rows = cols,
                      .depth = depth,
                      .panel = cpu_->kernels.nr});
}

// out = a[rows, depth] (depth along memory) times packed b[depth, cols].
void LossChunk::multiply(int thread, const char* a, int64_t rows, int64_t a_row, int64_t depth, const char* b,
                         int64_t cols, ops::MultiplyOut out) const {
  const ops::KernelTable& kernels = cpu_->kernels;
  const int64_t steps = this->steps(depth),
                block = std::max<int64_t>(kBlockItems / steps / kernels.nr, 1) * kernels.nr;
  char* packed = items_in_place(kernels, shape_.type, 1, depth)
                     ? nullptr
                     : cpu_->thread[static_cast<size_t>(thread)].get<char>(0);
  multiply_rows(kernels, {a, a_row, 1, packed}, depth, block,
                {.rows = rows,
                 .cols = cols,
                 .steps = steps,
                 .type = shape_.type,
                 .b = b,
                 .b_panel = 4 * steps * kernels.nr,
                 .out = out});
}

void LossChunk::logits_band(int64_t band, int thread) const {
  char* logits = logits_of(band);
  multiply(thread, head_ + band * kEntries * shape_.d * size_, entries(band), shape_.d, shape_.d,
           at_.by_depth, rows_, {.c = logits, .ldc = rows_, .type = shape_.type});
  cpu_->kernels.logit_statistics({logits, entries(band), rows_, shape_.type}, at_.highest + band * rows_,
                                 at_.total + band * rows_);
}

void LossChunk::losses(int64_t rows) {
  rows_ = rows;
  const ops::KernelTable& kernels = cpu_->kernels;
  const int64_t nr = kernels.nr, d = shape_.d;
  cpu_->parallel(blocks(rows, nr), static_cast<double>(rows * d), [&](size_t panel, int) {
    const int64_t r = static_cast<int64_t>(panel) * nr;
    pack_columns(at_.by_depth + 4 * steps(d) * r, at_.hidden + r * d * size_, d, 1, std::min(nr, rows - r),
                 d);
  });
  cpu_->parallel(bands_, work(rows, shape_.vocab, d),
                 [&](size_t band, int thread) { logits_band(static_cast<int64_t>(band), thread); });
  kernels.merge_statistics({.highest = at_.highest,
                            .total = at_.total,
                            .bands = bands_,
                            .stride = rows,
                            .rows = rows,
                            .all_highest = at_.all_highest,
                            .all_total = at_.all_total});
  for (int64_t r = 0; r < rows; ++r) {
    at_.loss[r] = at_.chosen[r] = 0;
    if (at_.targets[r] < 0) continue;
    at_.chosen[r] = value_at(logits_, at_.targets[r] * rows + r, shape_.type);
    at_.loss[r] = static_cast<float>(std::log(at_.all_total[r]) -
                                     (static_cast<double>(at_.chosen[r]) - at_.all_highest[r]));
  }
}

// The gradient of a band's logits; from it that of the head's rows; and both packed for dhidden.
void LossChunk::gradient_band(int64_t band, const Wave& wave, int thread, float grad_scale, float* dhead,
                              float beta) const {
  const int64_t d = shape_.d, first = band * kEntries, place = (band - wave.first) * steps(kEntries) * 4;
  const char* head = head_ + first * d * size_;
  cpu_->kernels.logit_gradient({.band = {logits_of(band), entries(band), rows_, shape_.type},
                                .highest = at_.all_highest,
                                .scale = at_.scale,
                                .first = first,
                                .targets = at_.targets,
                                .chosen = at_.chosen,
                                .grad_scale = grad_scale,
                                .packed = at_.gradient_items + place * round_up(shape_.rows, kPanelRows),
                                .panel = kPanelRows});
  // Packing walks panel by panel; the lines come faster in the order of memory.
  for (int64_t i = 0; i < entries(band) * d * size_; i += 64) __builtin_prefetch(head + i, 0, 2);
  pack_columns(at_.head_items + place * round_up(d, kBlockCols), head, 1, d, d, entries(band));
  if (!dhead) return;
  multiply(thread, logits_of(band), entries(band), rows_, rows_, at_.by_row, d,
           {.c = dhead + first * d, .ldc = d, .beta = beta});
}

// Adds a wave's bands to kBlockCols columns of dhidden, for the rows of some panels.
void LossChunk::dhidden_block(int64_t col, const Wave& wave, int64_t first_panel, int64_t panels) const {
  const ops::KernelTable& kernels = cpu_->kernels;
  const int64_t d = shape_.d, capacity = round_up(shape_.rows, kPanelRows), cols = round_up(d, kBlockCols);
  for (int64_t band = wave.first; band < wave.first + wave.bands; ++band) {
    const int64_t steps = this->steps(entries(band)), place = (band - wave.first) * this->steps(kEntries) * 4;
    for (int64_t panel = first_panel; panel < first_panel + panels; ++panel) {
      const int64_t row = panel * kPanelRows;
      kernels.multiply({.rows = std::min(kPanelRows, rows_ - row),
                        .cols = std::min(kBlockCols, d - col),
                        .steps = steps,
                        .type = shape_.type,
                        .a = at_.gradient_items + place * capacity + 4 * steps * row,
                        .a_tile = 4 * kernels.mr,
                        .a_row = 4,
                        .a_step = 4 * kPanelRows,
                        .b = at_.head_items + place * cols + 4 * steps * col,
                        .b_panel = 4 * steps * kernels.nr,
                        .tiles = at_.tiles + col * capacity + row * kBlockCols,
                        .first = band == 0,
                        .last = band == bands_ - 1,
                        .out = {.c = at_.dhidden + (row * d + col) * size_, .ldc = d, .type = shape_.type}});
    }
  }
}

void LossChunk::gradients(float grad_scale, float* dhead, bool accumulate) {
  const int64_t nr = cpu_->kernels.nr, rows = rows_, d = shape_.d;
  for (int64_t r = 0; r < rows; ++r) at_.scale[r] = static_cast<float>(grad_scale / at_.all_total[r]);
  cpu_->parallel(dhead ? blocks(d, nr) : 0, static_cast<double>(rows * d), [&](size_t panel, int) {
    const int64_t col = static_cast<int64_t>(panel) * nr;
    pack_columns(at_.by_row + 4 * steps(rows) * col, at_.hidden + col * size_, 1, d, std::min(nr, d - col),
                 rows);
  });
  const int64_t col_blocks = blocks(d, kBlockCols), panels = blocks(rows, kPanelRows);
  // Rows are cut only to give every thread work.
  const int64_t row_blocks = std::clamp<int64_t>(blocks(3 * cpu_->pool.threads(), col_blocks), 1, panels),
                block_panels = blocks(panels, row_blocks);
  for (Wave wave = {0, 0}; wave.first < bands_; wave.first += wave.bands) {
    wave.bands = std::min(wave_bands_, bands_ - wave.first);
    const double flops = work(rows, wave.bands * kEntries, d);
    cpu_->parallel(wave.bands, flops, [&](size_t i, int thread) {
      gradient_band(wave.first + static_cast<int64_t>(i), wave, thread, grad_scale, dhead,
                    accumulate ? 1.0f : 0.0f);
    });
    cpu_->parallel(col_blocks * blocks(panels, block_panels), flops, [&](size_t i, int) {
      const int64_t first = static_cast<int64_t>(i) / col_blocks * block_panels;
      dhidden_block(static_cast<int64_t>(i) % col_blocks * kBlockCols, wave, first,
                    std::min(block_panels, panels - first));
    });
  }
}

}  // namespace belle::backend
