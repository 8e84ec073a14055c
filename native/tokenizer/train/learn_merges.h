#pragma once
// learn_merges: the pieces byte pair encoding finds in counted segments, in order (sentencepiece 0.2.2 src/
// bpe_model_trainer.cc). Every round takes the pair of neighbouring symbols with the highest count (ties:
// fewer code points, then smaller text), makes it a piece and joins its occurrences.
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/train/segments.h"

namespace belle::tokenizer {

// At most `wanted` pieces; fewer when no pair is left. Pieces of count 0 or 1 are pieces too.
Result<std::vector<std::u32string>> learn_merges(const Alphabet& alphabet, Segments segments,
                                                 const PieceRules& rules, size_t wanted,
                                                 const std::atomic<bool>& stop,
                                                 const std::function<void(uint64_t pieces)>& on_progress);

}  // namespace belle::tokenizer
