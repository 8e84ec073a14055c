#pragma once
// Generations: byte pair encoding over a stream of weighted segments that may be larger than memory. Each
// generation picks a floor, gathers in memory the distinct runs between places that no piece of such a count
// can span, learns all pieces that reach the floor, and rewrites the stream with what became of the runs.
// The pieces are those of one pass with exact counts, except that count 0 is not reached and ties between two
// splits of one text go to the shorter first half.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "native/core/status.h"
#include "native/core/thread_pool.h"
#include "native/tokenizer/train/floor_learner.h"
#include "native/tokenizer/train/pair_sketch.h"
#include "native/tokenizer/train/symbol_stream.h"

namespace belle::tokenizer {

struct GenerationSetup {
  size_t max_piece_length = 0;  // code points
  uint64_t table_bytes = 0;     // memory for the runs and what is learned from them; 0: no limit
  size_t sketch_counters = 0;
  bool stop_at_tie = false;
  std::function<Result<std::unique_ptr<SymbolStream>>()> new_stream;
};

class Generations {
 public:
  enum class Outcome { enough, exhausted, tie };  // exhausted: no pair of count 1 is left
  using Progress = std::function<void(uint64_t pieces)>;

  // `symbols` holds the alphabet; pieces are added. References must outlive this.
  Generations(GenerationSetup setup, PieceSymbols* symbols, const PieceRules& rules, ThreadPool& pool,
              const std::atomic<bool>& stop);

  // Fills the first stream: begin(), then a Writer of each thread, finished.
  Status begin();
  class Writer {
   public:
    explicit Writer(Generations* owner) : owner_(*owner), out_(owner->next_.stream.get()) {}
    // Segments of one symbol are left out.
    Status add(uint64_t weight, std::span<const uint32_t> symbols);
    Status finish() { return out_.finish(); }

   private:
    Generations& owner_;
    SymbolStream::Writer out_;
  };

  Result<Outcome> run(size_t wanted, const Progress& on_progress);
  uint64_t ties() const { return ties_; }
  uint32_t generations() const { return generations_; }

 private:
  bool may_join(uint32_t left, uint32_t right) const {
    return lengths_[left] + lengths_[right] <= setup_.max_piece_length;
  }
  bool hot(uint32_t left, uint32_t right) const;
  template <class Visit>
  void for_each_run(std::span<const uint32_t> symbols, Visit visit) const;
  Status for_each_segment(const std::function<Status(uint64_t, std::span<const uint32_t>, int)>& body,
                          const std::function<Status(double done)>& between,
                          const std::function<void()>& alive);
  Status collect(const std::function<void()>& alive);
  Status raise_floor(bool by_much);
  Status rewrite(const FloorLearner& learner, const std::function<void()>& alive);

  GenerationSetup setup_;
  PieceSymbols& symbols_;
  const PieceRules& rules_;
  ThreadPool& pool_;
  const std::atomic<bool>& stop_;
  struct Version {
    std::unique_ptr<SymbolStream> stream;
    std::unique_ptr<PairSketch> sketch;
  };
  Version now_, next_;
  std::vector<uint16_t> lengths_;  // of each symbol, code points
  std::unique_ptr<RunTable> runs_;
  uint64_t floor_ = 0, ceiling_ = 0;  // every pair counts less than the ceiling
  uint64_t ties_ = 0;
  uint32_t generations_ = 0;
};

}  // namespace belle::tokenizer
