#include "native/tokenizer/corpus_reader.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <numeric>
#include <random>

#include "native/core/utf8.h"
#include "native/tokenizer/bpe_trainer_rules.h"
#include "native/tokenizer/corpus_reader_lines.h"
#include "native/tokenizer/normalizer.h"

namespace belle::tokenizer {
namespace {

constexpr std::string_view kSpaceBytes = "\xE2\x96\x81";
constexpr size_t kShards = 32;
// The seed and generator of sentencepiece up to 0.2.1; 0.2.2 salts its generator anew in every process.
constexpr uint32_t kSamplerSeed = 12345678;

// std::uniform_int_distribution<uint64_t>(0, range - 1) of libstdc++ over a 32-bit generator, written out
// because the standard does not fix it and sampling must give the same sentences everywhere.
uint64_t uniform_below(uint64_t range, std::mt19937* generator) {
  constexpr uint64_t kSpan = uint64_t{1} << 32;
  if (range < kSpan) {  // Lemire, "Fast Random Integer Generation in an Interval", 2019
    uint64_t product = uint64_t{(*generator)()} * range;
    if (static_cast<uint32_t>(product) < range) {
      const auto threshold =
          static_cast<uint32_t>(-static_cast<uint32_t>(range)) % static_cast<uint32_t>(range);
      while (static_cast<uint32_t>(product) < threshold) product = uint64_t{(*generator)()} * range;
    }
    return product >> 32;
  }
  if (range == kSpan) return (*generator)();
  for (;;) {
    const uint64_t high = kSpan * uniform_below((range - 1) / kSpan + 1, generator);
    const uint64_t value = high + (*generator)();
    if (value < range && value >= high) return value;
  }
}

// The sentences that take part, as indices among those CorpusLines offers, in training order.
std::vector<uint64_t> sample(uint64_t offered, uint64_t size, bool shuffle) {
  std::vector<uint64_t> chosen(std::min(offered, size));
  std::iota(chosen.begin(), chosen.end(), uint64_t{0});
  if (!shuffle) return chosen;
  std::mt19937 generator(kSamplerSeed);
  for (uint64_t index = size; index < offered; ++index) {
    const uint64_t place = uniform_below(index + 1, &generator);
    if (place < size) chosen[place] = index;
  }
  return chosen;
}

// U+0009 for every meta piece, longest first.
void replace_meta_pieces(const PrefixMatcher& meta, std::string* text) {
  std::string out;
  out.reserve(text->size());
  for (std::string_view rest = *text; !rest.empty();) {
    size_t length = meta.match(rest);
    if (length > 0) {
      out.push_back(static_cast<char>(kBoundarySymbol));
    } else {
      length = std::min<size_t>(utf8_announced_length(rest[0]), rest.size());
      out += rest.substr(0, length);
    }
    rest.remove_prefix(length);
  }
  *text = std::move(out);
}

// SplitIntoWords of sentencepiece: a word begins at a U+2581 (or ends after it); allow_whitespace_only keeps
// runs whole.
template <class Visit>
void split_into_words(std::string_view text, const TrainerSpec& spec, Visit visit) {
  size_t begin = 0;
  bool after_space = false;
  for (size_t at = 0; at < text.size();) {
    const size_t length = std::min<size_t>(utf8_announced_length(text[at]), text.size() - at);
    const bool space = text.substr(at, length) == kSpaceBytes;
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

class Reading {
 public:
  Reading(const BpeTrainRequest& request, const CorpusLines& lines, const Normalizer& normalizer,
          const PrefixMatcher& meta, ThreadPool& pool, const std::atomic<bool>& stop,
          const std::function<void(uint64_t, uint64_t)>& on_progress)
      : spec_(request.trainer_spec),
        lines_(lines),
        normalizer_(normalizer),
        meta_(meta),
        pool_(pool),
        stop_(stop),
        on_progress_(on_progress) {}

  Result<Corpus> run() {
    const bool sampled = spec_.input_sentence_size > 0;
    if (sampled || !spec_.split_by_whitespace) BELLE_TRY(count_lines());
    if (sampled) {
      order_ = sample(first_line_.back(), spec_.input_sentence_size, spec_.shuffle_input_sentence);
      chosen_ = order_;
      std::sort(chosen_.begin(), chosen_.end());
    }
    return spec_.split_by_whitespace ? count_words() : keep_sentences();
  }

 private:
  // Every chunk on the pool; the failure of the first bad chunk wins, whatever thread met it.
  Status for_each_chunk(bool report, const std::function<Status(size_t chunk, int thread)>& body) {
    std::mutex mutex;
    size_t failed_chunk = std::numeric_limits<size_t>::max();
    Status failure;
    std::atomic<uint64_t> done{0};
    pool_.run(lines_.chunks(), [&](size_t chunk, int thread) {
      if (stop_.load(std::memory_order_relaxed)) return;
      Status status = body(chunk, thread);
      if (!status.ok()) {
        const std::lock_guard lock(mutex);
        if (chunk < failed_chunk) {
          failed_chunk = chunk;
          failure = std::move(status);
        }
        return;
      }
      done += lines_.chunk_bytes(chunk);
      if (report && thread == 0) on_progress_(done, lines_.bytes());
    });
    if (stop_.load()) return {StatusCode::aborted, "training was stopped while reading the corpus"};
    return failure;
  }

  Status count_lines() {
    first_line_.assign(lines_.chunks() + 1, 0);
    BELLE_TRY(for_each_chunk(false, [&](size_t chunk, int) {
      return lines_.read(chunk, [&](std::string_view, uint64_t) { ++first_line_[chunk + 1]; });
    }));
    std::partial_sum(first_line_.begin(), first_line_.end(), first_line_.begin());
    return {};
  }

  // The chunk's sentences that take part: visit(rank, text, frequency), rank = place in chosen_ or among all
  // lines.
  template <class Visit>
  Status read_chosen(size_t chunk, Visit visit) const {
    if (order_.empty()) {
      uint64_t rank = first_line_.empty() ? 0 : first_line_[chunk];
      return lines_.read(chunk,
                         [&](std::string_view text, uint64_t frequency) { visit(rank++, text, frequency); });
    }
    uint64_t line = first_line_[chunk];
    auto next = std::lower_bound(chosen_.begin(), chosen_.end(), line);
    return lines_.read(chunk, [&](std::string_view text, uint64_t frequency) {
      if (next != chosen_.end() && *next == line)
        visit(static_cast<uint64_t>(next++ - chosen_.begin()), text, frequency);
      ++line;
    });
  }

  std::string prepare(std::string_view text) const {
    std::string normalized = normalizer_.normalize(text);
    replace_meta_pieces(meta_, &normalized);
    return normalized;
  }

  Result<Corpus> count_words() {
    const auto threads = static_cast<size_t>(pool_.threads());
    std::vector<TextCounter> counters(threads * kShards);
    BELLE_TRY(for_each_chunk(true, [&](size_t chunk, int thread) {
      TextCounter* const mine = &counters[static_cast<size_t>(thread) * kShards];
      return read_chosen(chunk, [&](uint64_t, std::string_view text, uint64_t frequency) {
        split_into_words(prepare(text), spec_, [&](std::string_view word) {
          mine[TextCounter::hash(word) >> 59].add(word, frequency);
        });
      });
    }));
    pool_.run(kShards, [&](size_t shard, int) {
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

  Result<Corpus> keep_sentences() {
    const uint64_t total = order_.empty() ? first_line_.back() : chosen_.size();
    std::vector<Corpus::Text> by_rank(total);
    std::vector<TextCounter> storage(static_cast<size_t>(pool_.threads()));
    BELLE_TRY(for_each_chunk(true, [&](size_t chunk, int thread) {
      return read_chosen(chunk, [&](uint64_t rank, std::string_view text, uint64_t frequency) {
        by_rank[rank] = {storage[static_cast<size_t>(thread)].add(prepare(text), frequency).text(),
                         frequency};
      });
    }));
    Corpus corpus;
    corpus.storage = std::move(storage);
    if (order_.empty()) {
      corpus.texts = std::move(by_rank);
    } else {
      for (const uint64_t line : order_)
        corpus.texts.push_back(by_rank[static_cast<size_t>(
            std::lower_bound(chosen_.begin(), chosen_.end(), line) - chosen_.begin())]);
    }
    // Empty ones go the way sentencepiece removes them: the last takes the place, unchecked. Order decides
    // ties.
    auto& texts = corpus.texts;
    for (size_t i = 0; i < texts.size(); ++i)
      if (texts[i].text.empty()) {
        std::swap(texts[i], texts.back());
        texts.pop_back();
      }
    std::erase_if(texts, [](const Corpus::Text& text) { return text.text.empty(); });
    return corpus;
  }

  const TrainerSpec& spec_;
  const CorpusLines& lines_;
  const Normalizer& normalizer_;
  const PrefixMatcher& meta_;
  ThreadPool& pool_;
  const std::atomic<bool>& stop_;
  const std::function<void(uint64_t, uint64_t)>& on_progress_;
  std::vector<uint64_t> first_line_;      // of each chunk, and the total; only where needed
  std::vector<uint64_t> order_, chosen_;  // sampled lines: in training order, sorted; empty = all
};

}  // namespace

Result<Corpus> read_corpus(const BpeTrainRequest& request, const NormalizerSpec& spec,
                           const PrefixMatcher& meta, ThreadPool& pool, const std::atomic<bool>& stop,
                           const std::function<void(uint64_t, uint64_t)>& on_progress) {
  BELLE_ASSIGN(const auto normalizer,
               Normalizer::create(spec, request.trainer_spec.treat_whitespace_as_suffix));
  BELLE_ASSIGN(const auto lines,
               CorpusLines::open(request.files, request.sentences,
                                 static_cast<size_t>(request.trainer_spec.max_sentence_length)));
  BELLE_ASSIGN(auto corpus, Reading(request, lines, normalizer, meta, pool, stop, on_progress).run());
  if (corpus.texts.empty())
    return Status(
        StatusCode::invalid_data,
        "the corpus holds no sentence to learn from: every line is empty, longer than max_sentence_length (" +
            std::to_string(request.trainer_spec.max_sentence_length) + " bytes) or has U+2585 inside");
  return corpus;
}

}  // namespace belle::tokenizer
