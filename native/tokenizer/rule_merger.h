#pragma once
// RuleMerger: byte pair encoding the plain way: the best pair joins, again and again. It is what the linear
// encoder is built from and held against.
#include <cstdint>
#include <span>
#include <vector>

#include "native/tokenizer/merge_table.h"

namespace belle::tokenizer {

class RuleMerger {
 public:
  explicit RuleMerger(const MergeTable& table) : table_(table) {}

  // The symbols left when nothing joins any more; valid until the next call. n log n in their number.
  std::span<const uint32_t> merge(std::span<const uint32_t> symbols);
  // The merges of the last call in the order they happened.
  std::span<const MergeRule> merges() const { return merges_; }

 private:
  struct Cell {
    uint32_t symbol, previous, next;  // symbol kNoSymbol: joined into the cell before
  };
  struct Candidate {
    uint64_t order;  // ~priority, then the left cell: the smallest joins first
    uint32_t right, left_symbol, right_symbol, result;
    uint32_t left() const { return static_cast<uint32_t>(order); }
    bool operator>(const Candidate& other) const { return order > other.order; }
  };
  void consider(uint32_t left, uint32_t right);

  const MergeTable& table_;
  std::vector<Cell> cells_;
  std::vector<Candidate> queue_;
  std::vector<uint32_t> symbols_;
  std::vector<MergeRule> merges_;
};

}  // namespace belle::tokenizer
