#pragma once
// PairHeap: a binary max-heap with the exact moves of std::priority_queue in libstdc++. Two pairs with equal
// text and equal count compare equal, and which of them leaves first decides how later text is merged;
// sentencepiece's models are built with libstdc++, so the moves are part of the algorithm.
#include <cstddef>
#include <utility>
#include <vector>

namespace belle::tokenizer {

template <class Entry, class Less>
class PairHeap {
 public:
  explicit PairHeap(Less less) : less_(less) {}
  bool empty() const { return entries_.empty(); }
  const Entry& top() const { return entries_.front(); }

  void push(Entry entry) {
    entries_.push_back(entry);
    rise(entries_.size() - 1, entry);
  }
  void pop() {
    const Entry last = entries_.back();
    entries_.pop_back();
    const size_t size = entries_.size();
    if (size == 0) return;
    // The hole sinks to the bottom along the larger children, then `last` rises from there.
    size_t hole = 0;
    while (2 * hole + 2 < size) {
      size_t child = 2 * hole + 2;
      if (less_(entries_[child], entries_[child - 1])) --child;
      entries_[hole] = entries_[child];
      hole = child;
    }
    if (2 * hole + 1 == size - 1) {
      entries_[hole] = entries_[size - 1];
      hole = size - 1;
    }
    rise(hole, last);
  }

 private:
  void rise(size_t hole, Entry entry) {
    while (hole > 0) {
      const size_t parent = (hole - 1) / 2;
      if (!less_(entries_[parent], entry)) break;
      entries_[hole] = entries_[parent];
      hole = parent;
    }
    entries_[hole] = entry;
  }

  std::vector<Entry> entries_;
  Less less_;
};

}  // namespace belle::tokenizer
