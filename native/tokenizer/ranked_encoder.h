#pragma once
// RankedEncoder: byte pair encoding by a list of ranked pairs of ids, as Hugging Face tokenizers
// (models/bpe/word.rs) and tiktoken do it: of all neighbours that form a known pair the one with the lowest
// rank is joined, ties leftmost, until none is left. In linear time.
//
// Hugging Face asks of a queued pair only that the pair now in its place gives the same id. That is the same
// pair: symbols only grow, so two neighbours at one place that give one text were cut apart at one place.
#include <cstdint>
#include <span>
#include <vector>

#include "native/tokenizer/linear_encoder.h"

namespace belle::tokenizer {

struct RankedPair {
  uint32_t left, right, result;  // ids; the result's text is the two texts, neither of them empty
};

class RankedEncoder {
 public:
  struct Scratch {
    std::vector<uint32_t> atoms, symbols;
    LinearEncoder::Scratch linear;
  };

  // ids: one more than the largest. ranks: of the pairs, or empty where a pair's rank is its index. Of equal
  // pairs the last counts, as in Hugging Face's hash map.
  RankedEncoder(size_t ids, const std::vector<RankedPair>& pairs, const std::vector<uint32_t>& ranks = {});

  // Appends what the atoms, ids too, become. counts, if given: of how many atoms each appended id is made,
  // appended too.
  void encode(std::span<const uint32_t> atoms, Scratch* scratch, std::vector<uint32_t>* out,
              std::vector<uint32_t>* counts = nullptr) const;

 private:
  struct Rules {
    Spelling spelling;
    std::vector<uint32_t> atom_of_id;  // a barrier for ids that are in no pair as an atom
    std::vector<MergeRule> merges;
  };
  static Rules rules_of(size_t ids, const std::vector<RankedPair>& pairs, const std::vector<uint32_t>& ranks);
  explicit RankedEncoder(Rules rules);

  LinearEncoder linear_;
  std::vector<uint32_t> atom_of_id_;
};

}  // namespace belle::tokenizer
