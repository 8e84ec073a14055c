#pragma once
// Alphabet: the characters that get a piece of their own.
#include <cstdint>
#include <utility>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/sentencepiece_model.h"
#include "native/tokenizer/train/character_counts.h"

namespace belle::tokenizer {

// Most frequent first (ties: smaller code point), with their counts: required_chars, then the most frequent
// ones until they cover character_coverage of the text.
struct Alphabet {
  std::vector<std::pair<char32_t, uint64_t>> characters;
};
Result<Alphabet> choose_alphabet(const CharacterCounts& counts, const TrainerSpec& spec);

}  // namespace belle::tokenizer
