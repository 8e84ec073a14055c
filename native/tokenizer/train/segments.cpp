#include "native/tokenizer/train/segments.h"

#include <algorithm>
#include <string>

#include "native/core/code_points.h"
#include "native/core/utf8.h"

namespace belle::tokenizer {
namespace {

constexpr uint32_t kCodePoints = 0x110000;
constexpr uint32_t kRare = 0xFFFFFFFF;
constexpr size_t kSortParts = 16;

// Sorting 24 bytes with the first eight characters in a register beats chasing every text.
struct SortKey {
  uint64_t count;
  uint64_t head;
  size_t index;
};

uint64_t head_bytes(std::string_view text) {
  uint64_t head = 0;
  for (size_t i = 0; i < 8; ++i) head = head << 8 | (i < text.size() ? static_cast<uint8_t>(text[i]) : 0);
  return head;
}

void sort_texts(std::vector<Corpus::Text>* texts, ThreadPool& pool) {
  std::vector<SortKey> keys(texts->size());
  const auto less = [&](const SortKey& a, const SortKey& b) {
    if (a.count != b.count) return a.count > b.count;
    if (a.head != b.head) return a.head < b.head;
    return (*texts)[a.index].text < (*texts)[b.index].text;
  };
  const auto bound = [&](size_t part) {
    return keys.begin() + static_cast<ptrdiff_t>(keys.size() * part / kSortParts);
  };
  pool.run(kSortParts, [&](size_t part, int) {
    for (auto key = bound(part); key != bound(part + 1); ++key) {
      const size_t index = static_cast<size_t>(key - keys.begin());
      *key = {(*texts)[index].count, head_bytes((*texts)[index].text), index};
    }
    std::sort(bound(part), bound(part + 1), less);
  });
  for (size_t width = 1; width < kSortParts; width *= 2)
    pool.run(kSortParts / (2 * width), [&](size_t pair, int) {
      const size_t first = pair * 2 * width;
      std::inplace_merge(bound(first), bound(first + width), bound(first + 2 * width), less);
    });
  std::vector<Corpus::Text> sorted;
  sorted.reserve(texts->size());
  for (const SortKey& key : keys) sorted.push_back((*texts)[key.index]);
  *texts = std::move(sorted);
}

// Writes U+2585 for every character outside the alphabet and adds up the texts that become equal.
void replace_rare(const std::vector<uint32_t>& symbol_of, bool merge_equal, Corpus* corpus) {
  TextCounter replaced;
  std::vector<Corpus::Text> kept;
  std::string text;
  for (const Corpus::Text& old : corpus->texts) {
    bool rare = false;
    text.clear();
    for_each_code_point(old.text, [&](char32_t c) {
      const bool known = symbol_of[c] != kRare;
      rare |= !known;
      append_utf8(known ? c : kRareSymbol, &text);
    });
    if (!rare)
      kept.push_back(old);
    else if (!merge_equal)
      kept.push_back({replaced.add(text, 0).text(), old.count});
    else
      replaced.add(text, old.count);
  }
  if (merge_equal)
    for (const auto& entry : replaced.entries()) kept.push_back({entry.text(), entry.count});
  corpus->texts = std::move(kept);
  corpus->storage.push_back(std::move(replaced));
}

}  // namespace

CharacterCounts count_characters(const Corpus& corpus) {
  CharacterCounter counter;
  for (const auto& text : corpus.texts) {
    size_t size = 0;
    for_each_code_point(text.text, [&](char32_t c) {
      counter.count(counter.index(c)) += text.count;
      ++size;
    });
    counter.add_total(size, text.count);
  }
  CharacterCounts counts;
  counter.add_to(&counts);
  return counts;
}

Result<Segments> cut_into_segments(Corpus corpus, const Alphabet& alphabet, const TrainerSpec& spec,
                                   const PieceRules& rules, ThreadPool& pool, const std::atomic<bool>& stop,
                                   const std::function<void(uint64_t, uint64_t)>& on_progress) {
  std::vector<uint32_t> symbol_of(kCodePoints, kRare);
  std::vector<PieceRules::Traits> traits;
  for (const auto& [c, count] : alphabet.characters) {
    symbol_of[c] = static_cast<uint32_t>(traits.size());
    traits.push_back(rules.traits(c));
  }
  replace_rare(symbol_of, spec.split_by_whitespace, &corpus);
  if (spec.split_by_whitespace) sort_texts(&corpus.texts, pool);

  SpanTable table;
  std::vector<uint32_t> run;
  uint64_t done = 0;
  for (const auto& text : corpus.texts) {
    if (done++ % 65536 == 0) {
      if (stop.load(std::memory_order_relaxed))
        return Status(StatusCode::aborted, "training was stopped while counting segments");
      on_progress(done - 1, corpus.texts.size());
    }
    const auto flush = [&] {
      if (run.size() > 1) table.add(run, SpanTable::hash(run), text.count);
      run.clear();
    };
    for_each_code_point(text.text, [&](char32_t c) {
      const uint32_t symbol = symbol_of[c];
      if (symbol == kRare) return flush();
      if (!run.empty() && rules.separates(traits[run.back()], traits[symbol])) flush();
      run.push_back(symbol);
    });
    flush();
    if (table.spans().symbols.size() > 0xF0000000u)
      return Status(StatusCode::invalid_data,
                    "the corpus has more than 4 billion characters in distinct segments: train on a sample, "
                    "set input_sentence_size");
  }
  on_progress(done, corpus.texts.size());
  Segments segments = table.take();
  segments.symbols.push_back(SpanTable::kSeparator);
  return segments;
}

}  // namespace belle::tokenizer
