#pragma once
// MergeTable: which two neighbouring symbols join, into what, and which pair goes first. A symbol is a piece
// or a character that pieces are made of; sentencepiece's pieces and the merge list of a tokenizer.json both
// come to this.
#include <cstdint>
#include <span>
#include <vector>

#include "native/core/random_seed.h"

namespace belle::tokenizer {

constexpr uint32_t kNoSymbol = ~0u;

struct MergeRule {
  uint32_t left, right, result;
  uint32_t priority;  // from 1; larger joins first, of equal ones the leftmost
};

class MergeTable {
 public:
  struct Found {
    uint32_t result = kNoSymbol;
    uint32_t priority = 0;  // 0: the two do not join
  };

  MergeTable() : MergeTable(std::span<const MergeRule>()) {}
  // Of rules for the same two symbols the first counts.
  explicit MergeTable(std::span<const MergeRule> rules);

  Found find(uint32_t left, uint32_t right) const {
    const uint64_t hash = hash_of(left, right);
    const uint64_t bit = hash & filter_mask_;
    if (!(filter_[bit >> 6] >> (bit & 63) & 1)) return {};
    for (size_t at = hash >> 32 & slot_mask_;; at = (at + 1) & slot_mask_) {
      const MergeRule& rule = slots_[at];
      if (rule.priority == 0) return {};
      if (rule.left == left && rule.right == right) return {rule.result, rule.priority};
    }
  }

 private:
  uint64_t hash_of(uint32_t left, uint32_t right) const { return mixed(uint64_t{left} << 32 | right, seed_); }

  uint64_t seed_ = random_seed();
  std::vector<MergeRule> slots_;  // open addressing, at most half full; priority 0 = free
  std::vector<uint64_t> filter_;  // 16 bits a rule: most pairs join nothing, and that shows in one look
  uint64_t slot_mask_ = 0, filter_mask_ = 0;
};

}  // namespace belle::tokenizer
