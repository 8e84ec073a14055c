#pragma once
// RankedEncoder: byte pair encoding by ranked pairs of ids, in linear time where the pairs allow it, else as
// BpeMerger does it.
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "native/tokenizer/json/bpe_merger.h"
#include "native/tokenizer/linear_encoder.h"

namespace belle::tokenizer {

class RankedEncoder {
 public:
  struct Scratch {
    std::vector<uint32_t> atoms, symbols;
    LinearEncoder::Scratch linear;
  };

  RankedEncoder() = default;
  // ids: one more than the largest. ranks: of the pairs, or empty where a pair's rank is its index.
  RankedEncoder(size_t ids, const std::vector<RankedPair>& pairs, const std::vector<uint32_t>& ranks);

  // Appends what the atoms, ids too, become. counts, if given: of how many atoms each appended id is made,
  // appended too.
  void encode(std::span<const uint32_t> atoms, Scratch* scratch, std::vector<uint32_t>* out,
              std::vector<uint32_t>* counts) const;

 private:
  std::optional<LinearEncoder> linear_;
  std::vector<uint32_t> atom_of_id_;  // for linear_; a barrier for ids that are in no pair as an atom
  std::optional<BpeMerger> merger_;   // where there is no linear_
};

}  // namespace belle::tokenizer
