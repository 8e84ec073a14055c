#include "native/tokenizer/train/corpus_reader.h"

#include <algorithm>

#include "native/core/utf8.h"
#include "native/tokenizer/space_symbol.h"

namespace belle::tokenizer {
namespace {

constexpr size_t kShards = 32;

// SplitIntoWords of sentencepiece: a word begins at a U+2581 (or ends after it); allow_whitespace_only keeps
// runs whole.
template <class Visit>
void split_into_words(std::string_view text, const TrainerSpec& spec, Visit visit) {
  size_t begin = 0;
  bool after_space = false;
  for (size_t at = 0; at < text.size();) {
    const size_t length = std::min<size_t>(utf8_announced_length(text[at]), text.size() - at);
    const bool space = text.substr(at, length) == kSpaceSymbol;
    const bool in_run = space && after_space && spec.allow_whitespace_only_pieces;
    const bool cut = spec.treat_whitespace_as_suffix ? after_space && !in_run : space && !in_run;
    if (cut && at > begin) {
      visit(text.substr(begin, at - begin));
      begin = at;
    }
    after_space = space;
    at += length;
  }
  if (begin < text.size()) visit(text.substr(begin));
}

Result<Corpus> count_words(const CorpusSentences& sentences, const TrainerSpec& spec, ThreadPool& pool,
                           const std::atomic<bool>& stop, const CorpusSentences::Progress& on_progress) {
  const auto threads = static_cast<size_t>(pool.threads());
  std::vector<TextCounter> counters(threads * kShards);
  BELLE_TRY(
      sentences.for_each_chunk(0, sentences.chunks(), pool, stop, on_progress, [&](size_t chunk, int thread) {
        TextCounter* const mine = &counters[static_cast<size_t>(thread) * kShards];
        return sentences.read(chunk, [&](uint64_t, std::string_view text, uint64_t frequency) {
          split_into_words(text, spec, [&](std::string_view word) {
            mine[TextCounter::hash(word) >> 59].add(word, frequency);
          });
        });
      }));
  pool.run(kShards, [&](size_t shard, int) {
    for (size_t thread = 1; thread < threads; ++thread)
      counters[shard].absorb(std::move(counters[thread * kShards + shard]));
  });
  counters.resize(kShards);
  Corpus corpus;
  for (const TextCounter& counter : counters)
    for (const auto& entry : counter.entries()) corpus.texts.push_back({entry.text(), entry.count});
  corpus.storage = std::move(counters);
  return corpus;
}

Result<Corpus> keep_sentences(const CorpusSentences& sentences, ThreadPool& pool,
                              const std::atomic<bool>& stop, const CorpusSentences::Progress& on_progress) {
  std::vector<Corpus::Text> by_rank(sentences.size());
  Corpus corpus;
  corpus.storage.resize(static_cast<size_t>(pool.threads()));
  BELLE_TRY(
      sentences.for_each_chunk(0, sentences.chunks(), pool, stop, on_progress, [&](size_t chunk, int thread) {
        TextCounter& storage = corpus.storage[static_cast<size_t>(thread)];
        return sentences.read(chunk, [&](uint64_t rank, std::string_view text, uint64_t frequency) {
          by_rank[rank] = {storage.add(text, frequency).text(), frequency};
        });
      }));
  auto& texts = corpus.texts;
  for (const uint64_t rank : sentences.training_order()) texts.push_back(by_rank[rank]);
  // Empty ones go the way sentencepiece removes them: the last takes the place, unchecked. Order decides
  // ties.
  for (size_t i = 0; i < texts.size(); ++i)
    if (texts[i].text.empty()) {
      std::swap(texts[i], texts.back());
      texts.pop_back();
    }
  std::erase_if(texts, [](const Corpus::Text& text) { return text.text.empty(); });
  return corpus;
}

}  // namespace

Result<Corpus> read_corpus(const CorpusSentences& sentences, const TrainerSpec& spec, ThreadPool& pool,
                           const std::atomic<bool>& stop, const CorpusSentences::Progress& on_progress) {
  BELLE_ASSIGN(auto corpus, spec.split_by_whitespace ? count_words(sentences, spec, pool, stop, on_progress)
                                                     : keep_sentences(sentences, pool, stop, on_progress));
  if (corpus.texts.empty()) return sentences.nothing_left();
  return corpus;
}

}  // namespace belle::tokenizer
