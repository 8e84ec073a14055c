#pragma once
// read_corpus: from files to normalised, counted texts, by the steps of sentencepiece's trainer (src/
// trainer_interface.cc: LoadSentences, SplitSentencesByWhitespace). What comes out does not depend on the
// threads.
#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "native/core/status.h"
#include "native/core/thread_pool.h"
#include "native/tokenizer/bpe_trainer.h"
#include "native/tokenizer/corpus_reader_counter.h"
#include "native/tokenizer/prefix_matcher.h"

namespace belle::tokenizer {

struct Corpus {
  struct Text {
    std::string_view text;  // normalised UTF-8; meta pieces replaced by U+0009
    uint64_t count;
  };
  // split_by_whitespace: the distinct words, in no particular order. Otherwise the sentences in training
  // order.
  std::vector<Text> texts;
  std::vector<TextCounter> storage;
};

// normalizer: the request's with its charsmap filled in. meta: pieces whose occurrences learning must not
// touch. invalid_data when no sentence is left, aborted when stop was set.
Result<Corpus> read_corpus(const BpeTrainRequest& request, const NormalizerSpec& normalizer,
                           const PrefixMatcher& meta, ThreadPool& pool, const std::atomic<bool>& stop,
                           const std::function<void(uint64_t done, uint64_t total)>& on_progress);

}  // namespace belle::tokenizer
