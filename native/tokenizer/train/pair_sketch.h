#pragma once
// PairSketch: upper bounds of the counts of neighbouring symbols, in a fixed amount of memory. Pairs that
// share a counter are counted together, so a bound may be too high, never too low.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <vector>

#include "native/tokenizer/train/bpe_trainer.h"

namespace belle::tokenizer {

class PairSketch {
 public:
  // counters: rounded up to a power of two.
  explicit PairSketch(size_t counters) : counters_(std::bit_ceil(counters)) {
    shift_ = 64 - std::bit_width(counters_.size() - 1);
  }
  // Threads may call this at once.
  void add(uint32_t left, uint32_t right, uint64_t weight) {
    const std::atomic_ref<uint32_t> counter(counters_[place(left, right)]);
    while (weight > 0 && counter.load(std::memory_order_relaxed) < kFull) {
      const auto step = static_cast<uint32_t>(std::min<uint64_t>(weight, kLargestStep));
      counter.fetch_add(step, std::memory_order_relaxed);
      weight -= step;
    }
  }
  void prefetch(uint32_t left, uint32_t right) const {
    __builtin_prefetch(&counters_[place(left, right)], 1);
  }
  // False only if the pair counts less than `floor`, which is at most kFull.
  bool reaches(uint32_t left, uint32_t right, uint64_t floor) const {
    return counters_[place(left, right)] >= floor;
  }
  // Bounds from here on mean "any count".
  static constexpr uint32_t kFull = uint32_t{1} << 31;

  // A count that about `rank` counters reach, or half of those in use where they are fewer; 0 when all are 0.
  uint64_t count_at(uint64_t rank) const {
    constexpr int kSteps = 32;  // of an octave
    std::vector<uint64_t> counters_at(33 * kSteps);
    uint64_t used = 0;
    for (const uint32_t counter : counters_)
      if (counter > 0) ++counters_at[step(counter)], ++used;
    if (used == 0) return 0;
    rank = std::min(rank, std::max<uint64_t>(1, used / 2));
    uint64_t above = 0;
    size_t at = counters_at.size();
    while (above < rank) above += counters_at[--at];
    const int octave = static_cast<int>(at / kSteps);
    const uint64_t low = (uint64_t{1} << octave) + ((at % kSteps) * (uint64_t{1} << octave)) / kSteps;
    return std::min<uint64_t>(low, kFull);
  }

 private:
  // All threads may add one step to a counter they saw just below kFull; it must not wrap to 0.
  static constexpr uint32_t kLargestStep = uint32_t{1} << 21;
  static_assert(uint64_t{kFull} - 1 + uint64_t{kMaxTrainThreads} * kLargestStep <= 0xFFFFFFFFu);
  static size_t step(uint32_t counter) {
    const int octave = std::bit_width(counter) - 1;
    const uint64_t part = ((uint64_t{counter} - (uint64_t{1} << octave)) * 32) >> octave;
    return static_cast<size_t>(octave) * 32 + part;
  }
  size_t place(uint32_t left, uint32_t right) const {
    const uint64_t key = uint64_t{left} << 32 | right;
    const uint64_t hash = (key ^ key >> 29) * 0x9E3779B97F4A7C15ull;
    return shift_ == 64 ? 0 : (hash ^ hash << 31) * 0xBF58476D1CE4E5B9ull >> shift_;
  }
  std::vector<uint32_t> counters_;
  int shift_;
};

}  // namespace belle::tokenizer
