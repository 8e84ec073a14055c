#pragma once
// Alphabet and Segments: what the merges work on. Texts are cut wherever no piece can reach across, and equal
// cuts are kept once with the sum of their counts; this changes no count, hence no merge.
#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "native/core/status.h"
#include "native/core/thread_pool.h"
#include "native/tokenizer/train/character_counts.h"
#include "native/tokenizer/train/corpus_reader.h"
#include "native/tokenizer/train/piece_rules.h"

namespace belle::tokenizer {

// The characters that get a piece of their own, most frequent first (ties: smaller code point), with their
// counts: required_chars, then the most frequent ones until they cover character_coverage of the text.
struct Alphabet {
  std::vector<std::pair<char32_t, uint64_t>> characters;
};
Result<Alphabet> choose_alphabet(const CharacterCounts& counts, const TrainerSpec& spec);
// Of all texts, each as often as it counts.
CharacterCounts count_characters(const Corpus& corpus);

// What the merges in training order (learn_merges.h) work on.
struct Segments {
  static constexpr uint32_t kSeparator = 0xFFFFFFFF;
  // Symbols (index into Alphabet::characters) of all segments in order, each of two or more, a kSeparator
  // before each and after the last.
  std::vector<uint32_t> symbols;
  std::vector<uint32_t> begins;   // of each segment in `symbols`
  std::vector<uint64_t> weights;  // of each segment: how often it occurs
};

// In the order of first occurrence when the texts are read in training order: split_by_whitespace by count
// descending, then bytes ascending, else as they are. Releases the corpus.
Result<Segments> cut_into_segments(Corpus corpus, const Alphabet& alphabet, const TrainerSpec& spec,
                                   const PieceRules& rules, ThreadPool& pool, const std::atomic<bool>& stop,
                                   const std::function<void(uint64_t done, uint64_t total)>& on_progress);

}  // namespace belle::tokenizer
