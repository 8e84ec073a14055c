#include "native/tokenizer/json/split_rules.h"

#include <iterator>

namespace belle::tokenizer {
namespace {

struct Pattern {
  std::string_view text;
  SplitRules rules;
};

constexpr Pattern kPatterns[] = {
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", SplitRules::gpt2},
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", SplitRules::gpt2},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", SplitRules::gpt2},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s)", SplitRules::gpt2},
    {" ?[^(\\s|[.,!?…。，、।۔،])]+", SplitRules::bloom},
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s)",
     SplitRules::cl100k_base},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     SplitRules::llama3},
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
     SplitRules::llama3},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     SplitRules::qwen2},
    {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
     R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
     R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     SplitRules::o200k_base},
};

struct Name {
  std::string_view text;
  SplitRules rules;
};
// The first name of each is the one it is called by.
constexpr Name kNames[] = {
    {"gpt2", SplitRules::gpt2},      {"bloom", SplitRules::bloom},   {"cl100k_base", SplitRules::cl100k_base},
    {"llama3", SplitRules::llama3},  {"qwen2", SplitRules::qwen2},   {"o200k_base", SplitRules::o200k_base},
    {"r50k_base", SplitRules::gpt2}, {"p50k_base", SplitRules::gpt2}};

}  // namespace

std::optional<SplitRules> split_rules_by_name(std::string_view name) {
  for (const Name& known : kNames)
    if (known.text == name) return known.rules;
  return std::nullopt;
}

std::optional<SplitRules> split_rules_by_pattern(std::string_view pattern) {
  for (const Pattern& known : kPatterns)
    if (known.text == pattern) return known.rules;
  return std::nullopt;
}

const char* split_rules_name(SplitRules rules) {
  for (const Name& known : kNames)
    if (known.rules == rules) return known.text.data();
  return "";
}

std::string split_rules_names() {
  std::string all;
  for (const Name& known : kNames) {
    if (!all.empty()) all += ", ";
    all += known.text;
  }
  return all;
}

}  // namespace belle::tokenizer
