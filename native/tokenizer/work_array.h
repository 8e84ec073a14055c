#pragma once
// WorkArray: room for numbers that are about to be written, kept from use to use and never cleared.
#include <algorithm>
#include <cstddef>
#include <memory>

namespace belle::tokenizer {

template <class T>
class WorkArray {
 public:
  // At least `size` elements of no particular value; what was there is gone.
  T* room(size_t size) {
    if (size > size_) {
      size_ = std::max(size, size_ + size_ / 2);
      data_ = std::make_unique_for_overwrite<T[]>(size_);
    }
    return data_.get();
  }

 private:
  std::unique_ptr<T[]> data_;
  size_t size_ = 0;
};

}  // namespace belle::tokenizer
