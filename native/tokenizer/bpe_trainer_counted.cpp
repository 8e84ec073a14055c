#include <algorithm>
#include <unordered_map>

#include "native/core/utf8.h"
#include "native/tokenizer/bpe_trainer_generations.h"
#include "native/tokenizer/bpe_trainer_learn.h"
#include "native/tokenizer/corpus_segments.h"
#include "native/tokenizer/corpus_sentences.h"

namespace belle::tokenizer {
namespace {

using Phase = BpeTrainProgress::Phase;

// Segments of text to segments of symbols, cut at characters outside the alphabet.
class SymbolMaker {
 public:
  SymbolMaker(const std::vector<uint32_t>* symbol_of, Generations* generations)
      : symbol_of_(*symbol_of), out_(generations) {}
  Status add(std::string_view text, uint64_t weight) {
    while (!text.empty()) {
      const Utf8Char c = decode_utf8(text);
      text.remove_prefix(c.length);
      const uint32_t symbol = symbol_of_[c.code_point];
      if (symbol != kRare) {
        symbols_.push_back(symbol);
        continue;
      }
      BELLE_TRY(out_.add(weight, symbols_));
      symbols_.clear();
    }
    const Status added = out_.add(weight, symbols_);
    symbols_.clear();
    return added;
  }
  Status finish() { return out_.finish(); }

  static constexpr uint32_t kRare = 0xFFFFFFFF;
  static std::vector<uint32_t> table(const Alphabet& alphabet) {
    std::vector<uint32_t> symbol_of(0x110000, kRare);
    for (size_t i = 0; i < alphabet.characters.size(); ++i)
      symbol_of[alphabet.characters[i].first] = static_cast<uint32_t>(i);
    return symbol_of;
  }

 private:
  const std::vector<uint32_t>& symbol_of_;
  Generations::Writer out_;
  std::vector<uint32_t> symbols_;
};

class CountedLearning {
 public:
  explicit CountedLearning(const LearnJob& job)
      : job_(job), spec_(job.request.trainer_spec), counter_(job.rules, job.pool.threads()) {}

  Result<std::optional<Learned>> run() {
    BELLE_ASSIGN(const auto sentences, CorpusSentences::open(job_.request, job_.normalizer, job_.meta, false,
                                                             job_.pool, job_.stop));
    BELLE_TRY(count(sentences));
    if (sentences_ == 0) return sentences.nothing_left();
    BELLE_ASSIGN(learned_.alphabet, choose_alphabet(characters_, spec_));
    BELLE_ASSIGN(const size_t wanted, wanted_pieces(learned_.alphabet, job_.meta.size(), spec_));

    PieceSymbols symbols;
    for (const auto& [c, count] : learned_.alphabet.characters) symbols.texts.emplace_back(1, c);
    symbols.alphabet = symbols.texts.size();
    GenerationSetup setup;
    setup.max_piece_length = static_cast<size_t>(spec_.max_sentencepiece_length);
    setup.sketch_counters = std::clamp<size_t>(sentences.bytes() / 8, kMinCounters, kMaxCounters);
    setup.stop_at_tie = true;
    setup.new_stream = [] { return Result<std::unique_ptr<SymbolStream>>(SymbolStream::in_memory()); };
    Generations generations(std::move(setup), &symbols, job_.rules, job_.pool, job_.stop);
    BELLE_TRY(generations.begin());
    BELLE_TRY(write_symbols(&generations));
    BELLE_ASSIGN(const auto outcome, generations.run(wanted, [&](uint64_t pieces) {
      job_.report({Phase::merge, pieces, wanted});
    }));
    if (outcome != Generations::Outcome::enough) return std::optional<Learned>();
    for (size_t i = symbols.alphabet; i < symbols.texts.size(); ++i)
      learned_.pieces.push_back(std::move(symbols.texts[i]));
    learned_.ties = generations.ties();
    learned_.generations = generations.generations();
    return std::optional<Learned>(std::move(learned_));
  }

 private:
  static constexpr size_t kMinCounters = size_t{1} << 10, kMaxCounters = size_t{1} << 22;

  Status count(const CorpusSentences& sentences) {
    BELLE_TRY(sentences.for_each_chunk(
        0, sentences.chunks(), job_.pool, job_.stop,
        [&](uint64_t done, uint64_t total) {
          job_.report({Phase::read, done, total});
        },
        [&](size_t chunk, int thread) {
          return sentences.read(chunk, [&](uint64_t, std::string_view text, uint64_t frequency) {
            counter_.add(text, frequency, thread);
          });
        }));
    counter_.settle();
    characters_ = counter_.characters();
    sentences_ = counter_.sentences();
    return {};
  }

  Status write_symbols(Generations* generations) {
    const auto symbol_of = SymbolMaker::table(learned_.alphabet);
    std::vector<SymbolMaker> makers(static_cast<size_t>(job_.pool.threads()),
                                    SymbolMaker(&symbol_of, generations));
    std::vector<Status> failures(makers.size());
    std::atomic<uint64_t> done{0};
    job_.pool.run(SegmentCounter::kShards, [&](size_t shard, int number) {
      if (job_.stop.load(std::memory_order_relaxed)) return;
      const auto thread = static_cast<size_t>(number);
      for (const auto& entry : counter_.shard(shard).entries())
        if (failures[thread].ok()) failures[thread] = makers[thread].add(entry.text(), entry.count);
      counter_.release(shard);
      ++done;
      if (number == 0) job_.report({Phase::count, done, SegmentCounter::kShards});
    });
    if (job_.stop.load()) return {StatusCode::aborted, "training was stopped while counting segments"};
    for (const Status& failure : failures) BELLE_TRY(failure);
    for (SymbolMaker& maker : makers) BELLE_TRY(maker.finish());
    return {};
  }

  const LearnJob& job_;
  const TrainerSpec& spec_;
  SegmentCounter counter_;
  CharacterCounts characters_;
  uint64_t sentences_ = 0;
  Learned learned_;
};

}  // namespace

Result<std::optional<Learned>> learn_counted(const LearnJob& job) { return CountedLearning(job).run(); }

}  // namespace belle::tokenizer
