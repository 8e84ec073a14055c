#pragma once
// The pairs that the learners of merges count, and the order in which they win.
#include <cstddef>
#include <cstdint>
#include <string>

namespace belle::tokenizer {

struct CountedPair {
  uint32_t left, right;
  uint64_t count;             // over all places where the two are neighbours now, overlapping ones included
  const uint32_t* positions;  // cells where it began when it was made, ascending
  uint32_t size;
};

// In the heap of a learner.
struct PairEntry {
  uint64_t count;
  uint64_t key;  // of its text
  uint32_t pair;
};

// The text of a pair, that of its left symbol and then of its right: what decides between equal counts.
struct PairText {
  const std::u32string &left, &right;

  size_t size() const { return left.size() + right.size(); }
  char32_t operator[](size_t index) const {
    return index < left.size() ? left[index] : right[index - left.size()];
  }
  // Length and first characters: the smaller key wins; of equal ones the smaller text.
  uint64_t key() const {
    const uint64_t third = size() > 2 ? (*this)[2] >> 9 : 0;
    return uint64_t{size()} << 54 | uint64_t{(*this)[0]} << 33 | uint64_t{(*this)[1]} << 12 | third;
  }
  // Below, at or above 0. Texts of equal keys are equally long.
  int compare(const PairText& other) const {
    for (size_t i = 0; i < size(); ++i)
      if ((*this)[i] != other[i]) return (*this)[i] < other[i] ? -1 : 1;
    return 0;
  }
};

}  // namespace belle::tokenizer
