#include "native/tokenizer/train/alphabet.h"

#include <algorithm>
#include <map>

#include "native/core/code_points.h"
#include "native/tokenizer/train/piece_rules.h"

namespace belle::tokenizer {

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
  for_each_code_point(std::string_view(spec.required_chars), [&](char32_t c) {
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

}  // namespace belle::tokenizer
