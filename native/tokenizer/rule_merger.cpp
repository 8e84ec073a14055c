#include "native/tokenizer/rule_merger.h"

#include <algorithm>
#include <functional>

namespace belle::tokenizer {

void RuleMerger::consider(uint32_t left, uint32_t right) {
  if (left == kNoSymbol || right == kNoSymbol) return;
  const uint32_t a = cells_[left].symbol, b = cells_[right].symbol;
  const MergeTable::Found found = table_.find(a, b);
  if (found.priority == 0) return;
  queue_.push_back({uint64_t{~found.priority} << 32 | left, right, a, b, found.result});
  std::push_heap(queue_.begin(), queue_.end(), std::greater<>());
}

std::span<const uint32_t> RuleMerger::merge(std::span<const uint32_t> symbols) {
  cells_.clear();
  queue_.clear();
  merges_.clear();
  symbols_.clear();
  for (const uint32_t symbol : symbols) {
    const auto index = static_cast<uint32_t>(cells_.size());
    cells_.push_back({symbol, index - 1, index + 1});  // 0 - 1 = kNoSymbol
  }
  if (cells_.empty()) return {};
  cells_.back().next = kNoSymbol;
  for (uint32_t i = 1; i < cells_.size(); ++i) consider(i - 1, i);
  while (!queue_.empty()) {
    const Candidate best = queue_.front();
    std::pop_heap(queue_.begin(), queue_.end(), std::greater<>());
    queue_.pop_back();
    Cell &left = cells_[best.left()], &right = cells_[best.right];
    // Stale when either has grown or gone since.
    if (left.symbol != best.left_symbol || right.symbol != best.right_symbol || left.next != best.right)
      continue;
    merges_.push_back({left.symbol, right.symbol, best.result, ~static_cast<uint32_t>(best.order >> 32)});
    left.symbol = best.result;
    right.symbol = kNoSymbol;
    left.next = right.next;
    if (left.next != kNoSymbol) cells_[left.next].previous = best.left();
    consider(left.previous, best.left());
    consider(best.left(), left.next);
  }
  for (uint32_t i = 0; i != kNoSymbol; i = cells_[i].next) symbols_.push_back(cells_[i].symbol);
  return symbols_;
}

}  // namespace belle::tokenizer
