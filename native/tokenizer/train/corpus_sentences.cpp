#include "native/tokenizer/train/corpus_sentences.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <numeric>
#include <random>

#include "native/core/utf8.h"
#include "native/tokenizer/train/piece_rules.h"

namespace belle::tokenizer {
namespace {

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

}  // namespace

CorpusSentences::CorpusSentences(CorpusLines lines, Normalizer normalizer, std::vector<std::string> meta,
                                 const TrainerSpec& spec)
    : lines_(std::move(lines)),
      normalizer_(std::move(normalizer)),
      max_sentence_length_(static_cast<size_t>(spec.max_sentence_length)) {
  for (const std::string& text : meta)
    if (!text.empty()) meta_starts_[static_cast<uint8_t>(text[0])] = true;
  meta_ = PrefixMatcher(std::move(meta));
}

Result<CorpusSentences> CorpusSentences::open(const BpeTrainRequest& request, const NormalizerSpec& spec,
                                              std::vector<std::string> meta, bool ranked, ThreadPool& pool,
                                              const std::atomic<bool>& stop) {
  const TrainerSpec& trainer = request.trainer_spec;
  BELLE_ASSIGN(auto normalizer, Normalizer::create(spec, trainer.treat_whitespace_as_suffix));
  BELLE_ASSIGN(auto lines, CorpusLines::open(request.files, request.sentences,
                                             static_cast<size_t>(trainer.max_sentence_length)));
  CorpusSentences all(std::move(lines), std::move(normalizer), std::move(meta), trainer);
  all.sampled_ = trainer.input_sentence_size > 0;
  if (all.sampled_ || ranked) BELLE_TRY(all.count_lines(pool, stop));
  if (all.sampled_) {
    all.order_ = sample(all.first_line_.back(), trainer.input_sentence_size, trainer.shuffle_input_sentence);
    all.chosen_ = all.order_;
    std::sort(all.chosen_.begin(), all.chosen_.end());
  }
  return all;
}

Status CorpusSentences::for_each_chunk(size_t begin, size_t end, ThreadPool& pool,
                                       const std::atomic<bool>& stop, const Progress& on_progress,
                                       const std::function<Status(size_t, int)>& body) const {
  std::mutex mutex;
  size_t failed_chunk = std::numeric_limits<size_t>::max();
  Status failure;
  uint64_t before = 0;
  for (size_t chunk = 0; chunk < begin; ++chunk) before += lines_.chunk_bytes(chunk);
  std::atomic<uint64_t> done{before};
  pool.run(end - begin, [&](size_t index, int thread) {
    if (stop.load(std::memory_order_relaxed)) return;
    const size_t chunk = begin + index;
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
    if (on_progress && thread == 0) on_progress(done, lines_.bytes());
  });
  if (stop.load()) return {StatusCode::aborted, "training was stopped while reading the corpus"};
  return failure;
}

Status CorpusSentences::count_lines(ThreadPool& pool, const std::atomic<bool>& stop) {
  first_line_.assign(lines_.chunks() + 1, 0);
  BELLE_TRY(for_each_chunk(0, lines_.chunks(), pool, stop, nullptr, [&](size_t chunk, int) {
    return lines_.read(chunk, [&](std::string_view, uint64_t) { ++first_line_[chunk + 1]; });
  }));
  std::partial_sum(first_line_.begin(), first_line_.end(), first_line_.begin());
  return {};
}

// U+0009 for every meta piece, longest first.
void CorpusSentences::replace_meta_pieces(std::string* text) const {
  const auto may_start = [&](char c) { return meta_starts_[static_cast<uint8_t>(c)]; };
  if (std::none_of(text->begin(), text->end(), may_start)) return;
  std::string out;
  out.reserve(text->size());
  for (std::string_view rest = *text; !rest.empty();) {
    size_t length = may_start(rest[0]) ? meta_.match(rest) : 0;
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

Status CorpusSentences::read(size_t chunk, const Visit& visit) const {
  const auto offer = [&](uint64_t rank, std::string_view text, uint64_t frequency) {
    std::string normalized = normalizer_.normalize(text);
    replace_meta_pieces(&normalized);
    visit(rank, normalized, frequency);
  };
  uint64_t line = first_line_.empty() ? 0 : first_line_[chunk];
  if (!sampled_)
    return lines_.read(chunk,
                       [&](std::string_view text, uint64_t frequency) { offer(line++, text, frequency); });
  auto next = std::lower_bound(chosen_.begin(), chosen_.end(), line);
  return lines_.read(chunk, [&](std::string_view text, uint64_t frequency) {
    if (next != chosen_.end() && *next == line)
      offer(static_cast<uint64_t>(next++ - chosen_.begin()), text, frequency);
    ++line;
  });
}

std::vector<uint64_t> CorpusSentences::training_order() const {
  std::vector<uint64_t> ranks(size());
  if (!sampled_) {
    std::iota(ranks.begin(), ranks.end(), uint64_t{0});
    return ranks;
  }
  for (size_t i = 0; i < ranks.size(); ++i)
    ranks[i] =
        static_cast<uint64_t>(std::lower_bound(chosen_.begin(), chosen_.end(), order_[i]) - chosen_.begin());
  return ranks;
}

Status CorpusSentences::nothing_left() const {
  return {StatusCode::invalid_data,
          "the corpus holds no sentence to learn from: every line is empty, longer than max_sentence_length "
          "(" +
              std::to_string(max_sentence_length_) + " bytes) or has U+2585 inside"};
}

}  // namespace belle::tokenizer
