#pragma once
// What the learners of merges share: pairs and their order, arrays of positions, and pairs found by their two
// symbols.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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

// Arrays that live until the end, without the doubling of a vector.
class PositionArena {
 public:
  uint32_t* take(size_t count) {
    if (count > left_) {
      const size_t size = std::max(count, kBlock);
      blocks_.push_back(std::make_unique_for_overwrite<uint32_t[]>(size));
      next_ = blocks_.back().get();
      left_ = size;
    }
    uint32_t* const place = next_;
    next_ += count;
    left_ -= count;
    return place;
  }

 private:
  static constexpr size_t kBlock = size_t{1} << 20;
  std::vector<std::unique_ptr<uint32_t[]>> blocks_;
  uint32_t* next_ = nullptr;
  size_t left_ = 0;
};

// Counts of pairs by their two symbols while one round (or the first count) creates them.
class FirstPairs {
 public:
  static constexpr uint32_t kNew = 0xFFFFFFFF;
  // The place for (left, right), kNew when new.
  uint32_t& operator()(uint32_t left, uint32_t right) {
    if ((size_ + 1) * 4 > keys_.size() * 3) grow();
    const uint64_t key = uint64_t{left} << 32 | right;
    const size_t slot = find(key);
    if (keys_[slot] != key) {
      keys_[slot] = key;
      values_[slot] = kNew;
      ++size_;
    }
    return values_[slot];
  }

 private:
  static constexpr uint64_t kFree = ~uint64_t{0};
  size_t find(uint64_t key) const {
    const uint64_t hash = key * 0x9E3779B97F4A7C15ull;
    size_t slot = (hash ^ hash >> 32) & (keys_.size() - 1);
    while (keys_[slot] != key && keys_[slot] != kFree) slot = (slot + 1) & (keys_.size() - 1);
    return slot;
  }
  void grow() {
    std::vector<uint64_t> keys(std::max<size_t>(1024, keys_.size() * 2), kFree);
    std::vector<uint32_t> values(keys.size());
    keys.swap(keys_);
    values.swap(values_);
    for (size_t i = 0; i < keys.size(); ++i)
      if (keys[i] != kFree) {
        const size_t slot = find(keys[i]);
        keys_[slot] = keys[i];
        values_[slot] = values[i];
      }
  }
  std::vector<uint64_t> keys_;
  std::vector<uint32_t> values_;
  size_t size_ = 0;
};

}  // namespace belle::tokenizer
