#include "native/tokenizer/unicode/nmt_nfkc.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <unordered_map>

namespace belle::tokenizer {
namespace {

constexpr uint32_t kDecompositions[] = {
#include "native/tokenizer/unicode/unicode_nfkc_table.inc"
};

struct CaseFoldRun {
  uint32_t first, last, step;
  int32_t delta;
};
constexpr CaseFoldRun kCaseFolds[] = {
#include "native/tokenizer/unicode/unicode_case_fold_table.inc"
};

// Hangul syllables decompose by arithmetic (The Unicode Standard, section 3.12).
constexpr char32_t kHangulBase = 0xAC00, kLeadBase = 0x1100, kVowelBase = 0x1161, kTailBase = 0x11A7;
constexpr int kLeads = 19, kVowels = 21, kTails = 28;

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::u32string_view text) const {
    uint64_t hash = 0xcbf29ce484222325ull;
    for (const char32_t c : text) hash = (hash ^ c) * 0x9E3779B97F4A7C15ull;
    return static_cast<size_t>(hash ^ (hash >> 29));
  }
};
using RuleList = std::vector<NormalizationRule>;
using RuleMap = std::unordered_map<std::u32string, std::u32string, TextHash, std::equal_to<>>;

// Characters by the single character they decompose to; every character also stands for itself.
using Originals = std::unordered_map<char32_t, std::u32string>;

// Adds [o1 o2 ...] -> composed for every way to write the decomposition with characters that decompose to its
// parts.
void add_expansions(const std::u32string& decomposed, const std::u32string& composed,
                    const Originals& originals, RuleList* rules) {
  std::vector<std::u32string> partial{{}};
  for (const char32_t part : decomposed) {
    std::u32string choices(1, part);
    if (const auto found = originals.find(part); found != originals.end()) choices += found->second;
    std::vector<std::u32string> longer;
    longer.reserve(partial.size() * choices.size());
    for (const auto& prefix : partial)
      for (const char32_t choice : choices) longer.push_back(prefix + choice);
    partial = std::move(longer);
  }
  for (auto& text : partial)
    if (text != composed) rules->push_back({std::move(text), composed});
}

// Applies the rules, longest first, at most `longest` code points at a time.
std::u32string apply(const RuleMap& rules, std::u32string_view text, size_t longest) {
  std::u32string out;
  while (!text.empty()) {
    size_t length = std::min(longest, text.size());
    auto found = rules.end();
    while (length > 0 && (found = rules.find(text.substr(0, length))) == rules.end()) --length;
    if (length == 0) {
      out.push_back(text[0]);
      length = 1;
    } else {
      out += found->second;
    }
    text.remove_prefix(length);
  }
  return out;
}

// Leaves out the rules that shorter rules already imply, and doubles.
RuleMap without_redundant(RuleList rules) {
  std::stable_sort(rules.begin(), rules.end(),
                   [](const auto& a, const auto& b) { return a.from.size() < b.from.size(); });
  RuleMap kept;
  kept.reserve(rules.size());
  for (auto& rule : rules)
    if (rule.from.size() == 1 || apply(kept, rule.from, rule.from.size() - 1) != rule.to)
      kept.try_emplace(std::move(rule.from), std::move(rule.to));
  return kept;
}

RuleMap nfkc_rules() {
  struct Row {
    char32_t c;
    std::u32string nfkd, nfkc;
  };
  std::vector<Row> rows;
  Originals originals;
  for (size_t i = 0; i < std::size(kDecompositions);) {
    Row row{kDecompositions[i], {}, {}};
    const uint32_t kind = kDecompositions[i + 1] >> 8, count = kDecompositions[i + 1] & 0xFF;
    i += 2;
    row.nfkd.assign(kDecompositions + i, kDecompositions + i + count);
    i += count;
    if (kind == 0) row.nfkc.assign(1, row.c);
    if (kind == 1) row.nfkc = row.nfkd;
    if (kind > 1) {
      row.nfkc.assign(kDecompositions + i, kDecompositions + i + kind - 1);
      i += kind - 1;
    }
    if (row.nfkd.size() == 1) originals[row.nfkd[0]].push_back(row.c);
    rows.push_back(std::move(row));
  }
  RuleList rules;
  for (const Row& row : rows) {
    if (row.nfkc != std::u32string(1, row.c)) rules.push_back({std::u32string(1, row.c), row.nfkc});
    if (row.nfkd.size() > 1 && row.nfkc != row.nfkd) add_expansions(row.nfkd, row.nfkc, originals, &rules);
  }
  for (int index = 0; index < kLeads * kVowels * kTails; ++index) {
    const int tail = index % kTails;
    std::u32string jamo{kLeadBase + static_cast<char32_t>(index / (kVowels * kTails)),
                        kVowelBase + static_cast<char32_t>(index / kTails % kVowels)};
    if (tail) jamo.push_back(kTailBase + static_cast<char32_t>(tail));
    add_expansions(jamo, std::u32string(1, kHangulBase + static_cast<char32_t>(index)), originals, &rules);
  }
  return without_redundant(std::move(rules));
}

// Builder::MergeNmtMap of sentencepiece. None of these characters stands in a longer rule, so nothing becomes
// redundant; nor does case folding make a rule redundant in Unicode 17.
RuleMap with_nmt_rules(RuleMap rules) {
  for (const char32_t c :
       {0x9, 0xA, 0xC, 0xD, 0x1680, 0x200B, 0x200C, 0x200E, 0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD})
    rules[std::u32string(1, c)].assign(1, U' ');
  for (char32_t c = 1; c < 0x20; ++c)
    if (c != 0x9 && c != 0xA && c != 0xC && c != 0xD) rules[std::u32string(1, c)].clear();
  for (const char32_t c : {0x7F, 0x8F, 0x9F}) rules[std::u32string(1, c)].clear();
  rules.erase(U"\uFF5E");  // the two tildes are used differently in Japanese
  return rules;
}

char32_t case_fold(char32_t c) {
  const auto* next =
      std::upper_bound(std::begin(kCaseFolds), std::end(kCaseFolds), c,
                       [](char32_t value, const CaseFoldRun& run) { return value < run.first; });
  if (next == std::begin(kCaseFolds)) return c;
  const CaseFoldRun& run = *(next - 1);
  return c <= run.last && (c - run.first) % run.step == 0
             ? static_cast<char32_t>(static_cast<int32_t>(c) + run.delta)
             : c;
}

RuleMap with_case_folding(RuleMap rules) {
  for (auto& rule : rules)
    for (char32_t& c : rule.second) c = case_fold(c);
  for (const CaseFoldRun& run : kCaseFolds)
    for (char32_t c = run.first; c <= run.last; c += run.step)
      rules.try_emplace(std::u32string(1, c), std::u32string(1, case_fold(c)));
  return rules;
}

}  // namespace

Result<std::vector<NormalizationRule>> normalization_rules(const std::string& name) {
  const bool nmt = name.starts_with("nmt_"), fold = name.ends_with("_cf");
  const std::string_view core =
      std::string_view(name).substr(nmt ? 4 : 0, name.size() - (nmt ? 4 : 0) - (fold ? 3 : 0));
  if (core != "nfkc")
    return Status(StatusCode::invalid_argument,
                  "normalization rule \"" + name +
                      "\" is not known: use identity, nfkc, nmt_nfkc, nfkc_cf or nmt_nfkc_cf");
  RuleMap rules = nfkc_rules();
  if (nmt) rules = with_nmt_rules(std::move(rules));
  if (fold) rules = with_case_folding(std::move(rules));
  std::vector<NormalizationRule> sorted;
  sorted.reserve(rules.size());
  while (!rules.empty()) {
    auto node = rules.extract(rules.begin());
    sorted.push_back({std::move(node.key()), std::move(node.mapped())});
  }
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.from < b.from; });
  return sorted;
}

}  // namespace belle::tokenizer
