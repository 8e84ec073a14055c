#pragma once
// Segments: what the merges in training order work on. Texts are cut wherever no piece can reach across, and
// equal cuts are kept once with the sum of their counts; this changes no count, hence no merge.
#include <atomic>
#include <cstdint>
#include <functional>

#include "native/core/status.h"
#include "native/core/thread_pool.h"
#include "native/tokenizer/train/alphabet.h"
#include "native/tokenizer/train/character_counts.h"
#include "native/tokenizer/train/corpus_reader.h"
#include "native/tokenizer/train/piece_rules.h"
#include "native/tokenizer/train/span_table.h"

namespace belle::tokenizer {

// Of all texts, each as often as it counts.
CharacterCounts count_characters(const Corpus& corpus);

// What the merges in training order (learn_merges.h) work on: spans of two or more symbols (index into
// Alphabet::characters), and a kSeparator after the last.
using Segments = SpanTable::Spans;

// In the order of first occurrence when the texts are read in training order: split_by_whitespace by count
// descending, then bytes ascending, else as they are. Releases the corpus.
Result<Segments> cut_into_segments(Corpus corpus, const Alphabet& alphabet, const TrainerSpec& spec,
                                   const PieceRules& rules, ThreadPool& pool, const std::atomic<bool>& stop,
                                   const std::function<void(uint64_t done, uint64_t total)>& on_progress);

}  // namespace belle::tokenizer
