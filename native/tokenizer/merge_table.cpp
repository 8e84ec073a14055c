#include "native/tokenizer/merge_table.h"

#include <algorithm>
#include <bit>

namespace belle::tokenizer {

MergeTable::MergeTable(std::span<const MergeRule> rules)
    : slots_(std::bit_ceil(std::max<size_t>(rules.size() * 2, 2)), MergeRule{}),
      filter_(std::bit_ceil(std::max<size_t>(rules.size() / 4, 1))),
      slot_mask_(slots_.size() - 1),
      filter_mask_(filter_.size() * 64 - 1) {
  for (const MergeRule& rule : rules) {
    const uint64_t hash = hash_of(rule.left, rule.right);
    size_t at = hash >> 32 & slot_mask_;
    const auto taken = [&](const MergeRule& slot) {
      return slot.left == rule.left && slot.right == rule.right;
    };
    while (slots_[at].priority != 0 && !taken(slots_[at])) at = (at + 1) & slot_mask_;
    if (slots_[at].priority != 0) continue;
    slots_[at] = rule;
    const uint64_t bit = hash & filter_mask_;
    filter_[bit >> 6] |= uint64_t{1} << (bit & 63);
  }
}

}  // namespace belle::tokenizer
