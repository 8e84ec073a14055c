#pragma once
// FloorLearner: all pieces that count at least `floor`, found in runs of symbols cut so that no pair with
// such a count is cut through. Counts of pairs only fall, and a pair made later counts at most as often as
// the neighbours it is made of: what is below the floor is forgotten at once.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/train/piece_rules.h"
#include "native/tokenizer/train/run_table.h"

namespace belle::tokenizer {

// The alphabet, then the pieces in the order they were found.
struct PieceSymbols {
  std::vector<std::u32string> texts;
  std::unordered_set<std::u32string> known;  // the pieces' texts
  size_t alphabet = 0;
  size_t pieces() const { return texts.size() - alphabet; }
};

class FloorLearner {
 public:
  enum class Outcome { enough, below_floor, tie };

  // Both must outlive the learner. floor >= 1.
  FloorLearner(const RunTable& runs, PieceSymbols* symbols, const PieceRules& rules, uint64_t floor);
  ~FloorLearner();
  // Until there are `wanted` pieces, or none counts `floor` any more. Two splits of the same text with the
  // same count: with stop_at_tie the end (tie), otherwise the one with the shorter first half is taken and
  // *ties goes up. aborted when stop was set.
  Result<Outcome> run(size_t wanted, bool stop_at_tie, uint64_t* ties, const std::atomic<bool>& stop,
                      const std::function<void(uint64_t pieces)>& on_progress);
  // Keeps only what append_result needs.
  void release();
  // Appends what became of the run that begins at `place` of the table.
  void append_result(RunTable::Place place, std::vector<uint32_t>* symbols) const;

  // Memory a learner takes, roughly.
  static uint64_t bytes(uint64_t runs, uint64_t symbols) { return 8 * runs + 22 * symbols; }
  // More symbols than this do not fit its positions.
  static constexpr uint64_t kMaxSymbols = 0xF0000000;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace belle::tokenizer
