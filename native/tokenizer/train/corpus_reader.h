#pragma once
// read_corpus: the counted texts of a corpus, in the order in which sentencepiece's trainer learns from them
// (src/trainer_interface.cc: SplitSentencesByWhitespace). What comes out does not depend on the threads.
#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

#include "native/core/status.h"
#include "native/core/thread_pool.h"
#include "native/tokenizer/train/corpus_sentences.h"
#include "native/tokenizer/train/text_counter.h"

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

// sentences: ranked unless split_by_whitespace. invalid_data when no sentence is left, aborted when stop was
// set.
Result<Corpus> read_corpus(const CorpusSentences& sentences, const TrainerSpec& spec, ThreadPool& pool,
                           const std::atomic<bool>& stop, const CorpusSentences::Progress& on_progress);

}  // namespace belle::tokenizer
