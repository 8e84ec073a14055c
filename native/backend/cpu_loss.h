#pragma once
// One chunk of linear_cross_entropy: its rows of hidden states against the whole vocabulary.
#include "native/backend/cpu_context.h"

namespace belle::backend {

// The vocabulary is walked in bands of kEntries entries. Logits lie [vocab, rows], so that the head is read
// where it lies, softmax runs down the columns, and both gradients are taken from a band while it is in the
// cache: the head is read twice in all.
class LossChunk {
 public:
  struct Shape {
    ops::Type type;
    int64_t rows, d, vocab;
    bool gradient;
  };
  // `logits` has room for [vocab, rows]. rows is the most that a run of this chunk takes.
  static Status create(CpuContext& cpu, const Shape& shape, const void* head, void* logits, LossChunk* out);

  // Where the caller puts its rows [rows, d] and their targets (< 0: no loss), and finds the results.
  void* hidden() const { return at_.hidden; }
  int32_t* targets() const { return at_.targets; }
  const float* loss() const { return at_.loss; }
  const void* dhidden() const { return at_.dhidden; }

  // Computes the losses of `rows` rows.
  void losses(int64_t rows);
  // After losses(), for its rows: the gradients of grad_scale * their sum. dhead (may be NULL) is added to
  // or overwritten.
  void gradients(float grad_scale, float* dhead, bool accumulate);

 private:
  struct Buffers {
    char *hidden, *dhidden;             // [rows, d] of `type`
    char *by_depth, *by_row;            // hidden packed for the logits, and for the head's gradient
    char *gradient_items, *head_items;  // of a wave of bands, packed for dhidden
    float* tiles;                       // dhidden's unfinished sums
    float *highest, *total;             // [bands, rows]
    float *all_highest, *scale, *chosen, *loss;
    double* all_total;
    int32_t* targets;
  };
  struct Wave {
    int64_t first, bands;  // numbers of bands
  };

  int64_t steps(int64_t depth) const { return (depth + step_depth_ - 1) / step_depth_; }
  int64_t entries(int64_t band) const;
  char* logits_of(int64_t band) const;
  void pack_columns(void* out, const char* in, int64_t col_stride, int64_t depth_stride, int64_t cols,
                    int64_t depth) const;
  void multiply(int thread, const char* a, int64_t rows, int64_t a_row, int64_t depth, const char* b,
                int64_t cols, ops::MultiplyOut out) const;
  void logits_band(int64_t band, int thread) const;
  void gradient_band(int64_t band, const Wave& wave, int thread, float grad_scale, float* dhead,
                     float beta) const;
  void dhidden_block(int64_t col, const Wave& wave, int64_t first_panel, int64_t panels) const;

  CpuContext* cpu_ = nullptr;
  Shape shape_ = {};
  int64_t step_depth_ = 0, size_ = 0, bands_ = 0, wave_bands_ = 0;
  int64_t rows_ = 0;  // of this run
  const char* head_ = nullptr;
  char* logits_ = nullptr;
  Buffers at_ = {};
};

}  // namespace belle::backend
