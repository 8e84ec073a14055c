#pragma once
// MergeEffect: what a merged vocabulary does to lines of text, line by line under the old and the new one.
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "native/core/status.h"
#include "native/core/thread_pool.h"
#include "native/tokenizer/encoding_difference.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"
#include "native/tokenizer/text_lines.h"

namespace belle::tokenizer {

// A line that encodes otherwise than before.
struct ChangedLine : EncodingDifference {
  std::string file;
  uint64_t line = 0;  // from 1
};

struct MergeEffect {
  uint64_t lines = 0, characters = 0, bytes = 0;
  uint64_t with_han = 0;             // lines whose normalised text holds a Han character
  uint64_t changed = 0;              // lines whose ids differ
  uint64_t changed_without_han = 0;  // of those the ones without a Han character
  uint64_t tokens_before = 0, tokens_after = 0;
  std::vector<ChangedLine> examples;  // at most 5, each with another first piece that was lost
};

// The same for any number of threads. on_progress is called on the calling thread. aborted when stop was set,
// invalid_argument with file and line for a line the tokenizer refuses.
Result<MergeEffect> measure_effect(const SentencePieceTokenizer& before, const SentencePieceTokenizer& after,
                                   const TextLines& lines, ThreadPool& pool, const std::atomic<bool>& stop,
                                   const TextLines::Progress& on_progress);

}  // namespace belle::tokenizer
