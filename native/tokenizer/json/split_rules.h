#pragma once
// The known regular expressions that cut a text into words before BPE, each a hand-written state machine: no
// regular expression is ever compiled, time is linear in the text.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "native/core/utf8.h"

namespace belle::tokenizer {

enum class SplitRules : uint8_t {
  gpt2,         // also r50k_base and p50k_base
  bloom,        // leaves gaps: runs of what it does not match
  cl100k_base,  // GPT-4 as tiktoken 0.14 writes it: white space at the end of the text is one word
  llama3,       // cl100k_base as Hugging Face files write it: white space ends at its last line break
  qwen2,        // llama3 with single digits
  o200k_base,   // GPT-4o
};

// By name: "gpt2" "bloom" "cl100k_base" "llama3" "qwen2" "o200k_base"; r50k_base, p50k_base as gpt2.
std::optional<SplitRules> split_rules_by_name(std::string_view name);
// By the exact text of the regular expression.
std::optional<SplitRules> split_rules_by_pattern(std::string_view pattern);
const char* split_rules_name(SplitRules rules);
// All names, for messages.
std::string split_rules_names();

// The end of the word that begins at `at` (< text.size()), or `at` when none begins there: then the character
// belongs to a gap. `text` is valid UTF-8, `at` the start of a character.
size_t split_word_end(SplitRules rules, std::string_view text, size_t at);

// body(begin, end) for each word and each gap, in order; together they are the text.
template <class Body>
void for_each_word(SplitRules rules, std::string_view text, const Body& body) {
  size_t gap = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = split_word_end(rules, text, at);
    if (end == at) {
      at += decode_utf8(text.substr(at)).length;
      continue;
    }
    if (gap < at) body(gap, at);
    body(at, end);
    at = gap = end;
  }
  if (gap < text.size()) body(gap, text.size());
}

}  // namespace belle::tokenizer
