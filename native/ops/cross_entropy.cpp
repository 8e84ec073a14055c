#include "native/ops/cross_entropy.h"

#include "native/ops/tile.h"
#include "native/ops/typed.h"

namespace belle::ops::BELLE_ISA {

namespace {

// Finite, so that a band of nothing but -inf sums to 0 and not to NaN.
constexpr float kLowest = -3.402823466e38f;

// The rows [r, r + Vectors * kLanes), the last vector of `count` lanes.
template <int Vectors, class T>
BELLE_INLINE void statistics_of(const T* logits, int64_t entries, int64_t rows, int64_t count, float* highest,
                                float* total) {
  vf top[Vectors], sum[Vectors];
  for (int q = 0; q < Vectors; ++q) top[q] = splat(kLowest), sum[q] = vf{};
  const T* x = logits;
  for (int64_t v = 0; v < entries; ++v, x += rows) {
#pragma GCC unroll 4
    for (int q = 0; q < Vectors; ++q) top[q] = larger(load_first(x + q * kLanes, count), top[q]);
  }
  x = logits;
  for (int64_t v = 0; v < entries; ++v, x += rows) {
#pragma GCC unroll 4
    for (int q = 0; q < Vectors; ++q)
      sum[q] = sum[q] + exponential(load_first(x + q * kLanes, count) - top[q]);
  }
  for (int q = 0; q < Vectors; ++q) {
    store_first(highest + q * kLanes, top[q], count);
    store_first(total + q * kLanes, sum[q], count);
  }
}

template <class T>
void statistics(const LogitBand& band, const T* logits, float* highest, float* total) {
  int64_t r = 0;
  for (; r + 4 * kLanes <= band.rows; r += 4 * kLanes)
    statistics_of<4>(logits + r, band.entries, band.rows, kLanes, highest + r, total + r);
  for (; r + kLanes <= band.rows; r += kLanes)
    statistics_of<1>(logits + r, band.entries, band.rows, kLanes, highest + r, total + r);
  if (r < band.rows)
    statistics_of<1>(logits + r, band.entries, band.rows, band.rows - r, highest + r, total + r);
}

// An item of depth: two entries' gradients as a pair, or one as the float32 it is or widens to.
BELLE_INLINE vf pair(vf low, vf high) {
  return (vf)(__builtin_convertvector(narrow(low), vu) | __builtin_convertvector(narrow(high), vu) << 16);
}
BELLE_INLINE vf stored(vf x, float) { return x; }
BELLE_INLINE vf stored(vf x, bf16) { return widen(narrow(x)); }

template <class T>
constexpr int64_t kPerItem = kPairs && sizeof(T) == 2 ? 2 : 1;

template <class T>
BELLE_INLINE vf softmax_of(const LogitGradientArgs& a, const T* logits, int64_t r, int64_t count) {
  return exponential(load_first(logits + r, count) - load_first(a.highest + r, count)) *
         load_first(a.scale + r, count);
}

template <class T>
void softmax_gradient(const LogitGradientArgs& a, T* logits) {
  const int64_t rows = a.band.rows, entries = a.band.entries;
  const int64_t steps = (entries + kPerItem<T> - 1) / kPerItem<T>;
  for (int64_t s = 0; s < steps; ++s) {
    T* x = logits + s * kPerItem<T> * rows;
    const bool both = kPerItem<T> == 2 && 2 * s + 1 < entries;
    float* items = static_cast<float*>(a.packed) + s * a.panel;
    for (int64_t from = 0; from < rows; from += a.panel, items += steps * a.panel) {
      for_vectors(rows - from < a.panel ? rows - from : a.panel, [&](int64_t i, int64_t count) {
        const int64_t r = from + i;
        const vf low = softmax_of(a, x, r, count);
        store_first(x + r, low, count);
        if constexpr (kPerItem<T> == 2) {
          const vf high = both ? softmax_of(a, x + rows, r, count) : vf{};
          if (both) store_first(x + rows + r, high, count);
          store_first(items + i, pair(low, high), count);
        } else {
          store_first(items + i, stored(low, T{}), count);
        }
      });
    }
  }
}

// The one entry of a row that grad_scale is taken from.
template <class T>
void target_gradient(const LogitGradientArgs& a, T* logits, int64_t r) {
  const int64_t v = a.targets[r] - a.first, steps = (a.band.entries + kPerItem<T> - 1) / kPerItem<T>;
  const vf softmax = exponential(splat(a.chosen[r] - a.highest[r])) * splat(a.scale[r]),
           value = softmax - splat(a.grad_scale);
  store_first(logits + v * a.band.rows + r, value, 1);
  float* item =
      static_cast<float*>(a.packed) + ((r / a.panel * steps + v / kPerItem<T>)*a.panel + r % a.panel);
  if constexpr (kPerItem<T> == 2) {
    store_first(reinterpret_cast<bf16*>(item) + v % 2, value, 1);
  } else {
    store_first(item, stored(value, T{}), 1);
  }
}

}  // namespace

void logit_statistics(const LogitBand& band, float* highest, float* total) {
  with_type(band.type, [&]<class T>(T) { statistics(band, static_cast<T*>(band.logits), highest, total); });
}

void merge_statistics(const MergeStatisticsArgs& a) {
  for_vectors(a.rows, [&](int64_t r, int64_t count) {
    vf top = splat(kLowest);
    for (int64_t b = 0; b < a.bands; ++b) top = larger(load_first(a.highest + b * a.stride + r, count), top);
    double total[kLanes] = {};
    for (int64_t b = 0; b < a.bands; ++b) {
      const vf part = load_first(a.total + b * a.stride + r, count) *
                      exponential(load_first(a.highest + b * a.stride + r, count) - top);
      for (int lane = 0; lane < kLanes; ++lane) total[lane] += static_cast<double>(part[lane]);
    }
    store_first(a.all_highest + r, top, count);
    for (int64_t lane = 0; lane < count; ++lane) a.all_total[r + lane] = total[lane];
  });
}

void logit_gradient(const LogitGradientArgs& args) {
  with_type(args.band.type, [&]<class T>(T) {
    T* logits = static_cast<T*>(args.band.logits);
    softmax_gradient(args, logits);
    for (int64_t r = 0; r < args.band.rows; ++r) {
      if (args.targets[r] >= args.first && args.targets[r] < args.first + args.band.entries)
        target_gradient(args, logits, r);
    }
  });
}

}  // namespace belle::ops::BELLE_ISA
