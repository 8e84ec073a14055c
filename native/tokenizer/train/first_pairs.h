#pragma once
// FirstPairs: a number for each pair of symbols while one round (or the first count) creates them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace belle::tokenizer {

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
