#include "native/tokenizer/train/segments.h"

#include <algorithm>
#include <bit>
#include <map>
#include <string>

#include "native/core/utf8.h"

namespace belle::tokenizer {
namespace {

constexpr uint32_t kCodePoints = 0x110000;
constexpr uint32_t kRare = Segments::kSeparator;
constexpr size_t kSortParts = 16;

template <class Visit>
void for_each_character(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    visit(static_cast<char32_t>(c.code_point));
    text.remove_prefix(c.length);
  }
}

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
    for_each_character(old.text, [&](char32_t c) {
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

// Distinct segments, found by their symbols.
class SegmentTable {
 public:
  explicit SegmentTable(Segments* segments) : segments_(*segments) {
    segments_.symbols.push_back(Segments::kSeparator);
  }

  void add(std::span<const uint32_t> symbols, uint64_t weight) {
    if ((segments_.begins.size() + 1) * 4 > slots_.size() * 3) grow();
    size_t slot = hash(symbols) & (slots_.size() - 1);
    for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
      const uint32_t segment = slots_[slot] - 1;
      const auto known = symbols_of(segment);
      if (std::equal(known.begin(), known.end(), symbols.begin(), symbols.end())) {
        segments_.weights[segment] += weight;
        return;
      }
    }
    segments_.begins.push_back(static_cast<uint32_t>(segments_.symbols.size()));
    segments_.weights.push_back(weight);
    segments_.symbols.insert(segments_.symbols.end(), symbols.begin(), symbols.end());
    segments_.symbols.push_back(Segments::kSeparator);
    slots_[slot] = static_cast<uint32_t>(segments_.begins.size());
  }

 private:
  static uint64_t hash(std::span<const uint32_t> symbols) {
    uint64_t state = symbols.size();
    for (const uint32_t symbol : symbols) state = (std::rotl(state, 23) ^ symbol) * 0x9E3779B97F4A7C15ull;
    return state ^ (state >> 32);
  }
  std::span<const uint32_t> symbols_of(uint32_t segment) const {
    const size_t begin = segments_.begins[segment];
    const size_t end =
        segment + 1 < segments_.begins.size() ? segments_.begins[segment + 1] : segments_.symbols.size();
    return {segments_.symbols.data() + begin, end - 1 - begin};
  }
  void grow() {
    slots_.assign(slots_.empty() ? 1024 : slots_.size() * 2, 0);
    for (uint32_t segment = 0; segment < segments_.begins.size(); ++segment) {
      size_t slot = hash(symbols_of(segment)) & (slots_.size() - 1);
      while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = segment + 1;
    }
  }

  Segments& segments_;
  std::vector<uint32_t> slots_;  // 1 + segment, 0 = free; a power of two
};

}  // namespace

CharacterCounts count_characters(const Corpus& corpus) {
  CharacterCounter counter;
  for (const auto& text : corpus.texts) {
    size_t size = 0;
    for_each_character(text.text, [&](char32_t c) {
      counter.count(counter.index(c)) += text.count;
      ++size;
    });
    counter.add_total(size, text.count);
  }
  CharacterCounts counts;
  counter.add_to(&counts);
  return counts;
}

Result<Alphabet> choose_alphabet(const CharacterCounts& counts, const TrainerSpec& spec) {
  if (counts.overflow)
    return Status(StatusCode::invalid_data,
                  "the corpus counts more than 2^63 characters: divide the frequencies of the .tsv files by "
                  "a common factor");
  uint64_t total = 0;
  for (const auto& [c, count] : counts.characters) total += c == 0 ? 0 : count;

  struct Candidate {
    bool required = false;
    uint64_t count = 0;
    char32_t c = 0;
  };
  std::map<char32_t, Candidate> by_character;
  for (const auto& [c, count] : counts.characters) by_character[c] = {false, count, c};
  for_each_character(spec.required_chars, [&](char32_t c) {
    Candidate& candidate = by_character[c];
    candidate.required = true;
    candidate.c = c;
  });
  by_character.erase(0);
  std::vector<Candidate> candidates;
  for (const auto& [c, candidate] : by_character) candidates.push_back(candidate);
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    if (a.required != b.required) return a.required;
    return a.count != b.count ? a.count > b.count : a.c < b.c;
  });

  Alphabet alphabet;
  uint64_t covered = 0;
  for (const Candidate& candidate : candidates) {
    // In float, and tested before the character is added: both show in the result.
    if (static_cast<float>(static_cast<double>(covered) / static_cast<double>(total)) >=
        spec.character_coverage)
      break;
    covered += candidate.count;
    if (candidate.c == kBoundarySymbol) continue;
    if (candidate.c == U' ' || candidate.c == kRareSymbol)
      return Status(StatusCode::invalid_data,
                    candidate.c == U' '
                        ? "a space was left after normalisation: take it out of required_chars"
                        : "U+2585 came out of normalisation or is in required_chars: it is reserved, use "
                          "another character");
    alphabet.characters.emplace_back(candidate.c, candidate.count);
  }
  std::sort(alphabet.characters.begin(), alphabet.characters.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return alphabet;
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

  Segments segments;
  SegmentTable table(&segments);
  std::vector<uint32_t> run;
  uint64_t done = 0;
  for (const auto& text : corpus.texts) {
    if (done++ % 65536 == 0) {
      if (stop.load(std::memory_order_relaxed))
        return Status(StatusCode::aborted, "training was stopped while counting segments");
      on_progress(done - 1, corpus.texts.size());
    }
    const auto flush = [&] {
      if (run.size() > 1) table.add(run, text.count);
      run.clear();
    };
    for_each_character(text.text, [&](char32_t c) {
      const uint32_t symbol = symbol_of[c];
      if (symbol == kRare) return flush();
      if (!run.empty() && rules.separates(traits[run.back()], traits[symbol])) flush();
      run.push_back(symbol);
    });
    flush();
    if (segments.symbols.size() > 0xF0000000u)
      return Status(StatusCode::invalid_data,
                    "the corpus has more than 4 billion characters in distinct segments: train on a sample, "
                    "set input_sentence_size");
  }
  on_progress(done, corpus.texts.size());
  return segments;
}

}  // namespace belle::tokenizer
