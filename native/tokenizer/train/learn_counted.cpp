#include <algorithm>
#include <bit>
#include <set>

#include "native/core/utf8.h"
#include "native/tokenizer/train/corpus_counts.h"
#include "native/tokenizer/train/corpus_sentences.h"
#include "native/tokenizer/train/generations.h"
#include "native/tokenizer/train/learn.h"

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
      : job_(job), spec_(job.request.trainer_spec), counts_(job.rules, job.pool, job.stop) {}

  Result<std::optional<Learned>> run() {
    BELLE_ASSIGN(const auto sentences, CorpusSentences::open(job_.request, job_.normalizer, job_.meta, false,
                                                             job_.pool, job_.stop));
    BELLE_TRY(counts_.count(sentences, job_.request, job_name(), [&](uint64_t done, uint64_t total) {
      job_.report({Phase::read, done, total});
    }));
    if (counts_.sentences() == 0) return sentences.nothing_left();
    BELLE_ASSIGN(learned_.alphabet, choose_alphabet(counts_.characters(), spec_));
    BELLE_ASSIGN(const size_t wanted, wanted_pieces(learned_.alphabet, job_.meta.size(), spec_));

    PieceSymbols symbols;
    for (const auto& [c, count] : learned_.alphabet.characters) symbols.texts.emplace_back(1, c);
    symbols.alphabet = symbols.texts.size();
    const bool may_order = may_take_order(sentences.bytes());
    Generations generations(setup(sentences.bytes(), !may_order), &symbols, job_.rules, job_.pool, job_.stop);
    BELLE_TRY(generations.begin());
    BELLE_TRY(write_symbols(&generations));
    BELLE_ASSIGN(const auto outcome, generations.run(wanted, [&](uint64_t pieces) {
      job_.report({Phase::merge, pieces, wanted});
    }));
    if (may_order && outcome != Generations::Outcome::enough) return std::optional<Learned>();
    for (size_t i = symbols.alphabet; i < symbols.texts.size(); ++i)
      learned_.pieces.push_back(std::move(symbols.texts[i]));
    learned_.ties = generations.ties();
    learned_.generations = generations.generations();
    if (auto folder = counts_.take_folder()) learned_.work.emplace(std::move(*folder));
    return std::optional<Learned>(std::move(learned_));
  }

 private:
  static constexpr size_t kMinCounters = size_t{1} << 10, kMaxCounters = size_t{1} << 22,
                          kMinLimited = size_t{1} << 18, kMaxLimited = size_t{1} << 24;
  static constexpr uint64_t kOrderedBytes = 16;  // of memory that learn_ordered may take for one of corpus

  // What counts depend on, apart from the text: the lines taken, their normalisation, what becomes U+0009 and
  // where PieceRules separates.
  std::string job_name() const {
    SentencePieceModel model;
    TrainerSpec& counted = model.trainer_spec;
    counted.max_sentence_length = spec_.max_sentence_length;
    counted.input_sentence_size = spec_.input_sentence_size;
    counted.shuffle_input_sentence = spec_.shuffle_input_sentence;
    counted.split_by_whitespace = spec_.split_by_whitespace;
    counted.split_by_unicode_script = spec_.split_by_unicode_script;
    counted.split_by_number = spec_.split_by_number;
    counted.split_digits = spec_.split_digits;
    counted.treat_whitespace_as_suffix = spec_.treat_whitespace_as_suffix;
    counted.allow_whitespace_only_pieces = spec_.allow_whitespace_only_pieces;
    model.normalizer_spec = job_.normalizer;
    for (const std::string& text : std::set(job_.meta.begin(), job_.meta.end()))
      model.pieces.push_back({text, 0, PieceType::control});
    return serialize_model(model);
  }

  bool may_take_order(uint64_t corpus_bytes) const {
    const uint64_t limit = job_.request.memory_limit;
    return limit == 0 || (!counts_.folder() && corpus_bytes <= limit / kOrderedBytes);
  }

  // Of the limit, the runs and what is learned from them take 5/8, the two sketches 1/16 each.
  GenerationSetup setup(uint64_t corpus_bytes, bool settle_ties) {
    const uint64_t limit = job_.request.memory_limit;
    GenerationSetup setup;
    setup.max_piece_length = static_cast<size_t>(spec_.max_sentencepiece_length);
    setup.sketch_counters = std::clamp<size_t>(corpus_bytes / 8, kMinCounters, kMaxCounters);
    if (limit > 0)
      setup.sketch_counters = std::clamp<size_t>(std::bit_floor(limit / 64), kMinLimited, kMaxLimited);
    setup.table_bytes = limit / 8 * 5;
    setup.stop_at_tie = !settle_ties;
    setup.new_stream = [this]() -> Result<std::unique_ptr<SymbolStream>> {
      if (!counts_.folder()) return SymbolStream::in_memory();
      return SymbolStream::in_file(counts_.folder()->path() + "/stream-" + std::to_string(streams_++));
    };
    return setup;
  }

  Status write_symbols(Generations* generations) {
    const auto symbol_of = SymbolMaker::table(learned_.alphabet);
    std::vector<SymbolMaker> makers(static_cast<size_t>(job_.pool.threads()),
                                    SymbolMaker(&symbol_of, generations));
    BELLE_TRY(counts_.for_each_segment(
        [&](uint64_t done, uint64_t total) {
          job_.report({Phase::count, done, total});
        },
        [&](std::string_view text, uint64_t weight, int thread) {
          return makers[static_cast<size_t>(thread)].add(text, weight);
        }));
    for (SymbolMaker& maker : makers) BELLE_TRY(maker.finish());
    return {};
  }

  const LearnJob& job_;
  const TrainerSpec& spec_;
  CorpusCounts counts_;
  uint32_t streams_ = 0;
  Learned learned_;
};

}  // namespace

Result<std::optional<Learned>> learn_counted(const LearnJob& job) { return CountedLearning(job).run(); }

}  // namespace belle::tokenizer
