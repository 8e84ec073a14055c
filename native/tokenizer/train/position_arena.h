#pragma once
// PositionArena: arrays that live until the end, without the doubling of a vector.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace belle::tokenizer {

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

}  // namespace belle::tokenizer
