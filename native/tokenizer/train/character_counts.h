#pragma once
// CharacterCounter: how often each character occurs, with a small table of its own for each thread.
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "native/core/checked.h"

namespace belle::tokenizer {

struct CharacterCounts {
  std::map<char32_t, uint64_t> characters;
  uint64_t total = 0;     // of all characters
  bool overflow = false;  // total passed 2^63: counts mean nothing

  void add_total(uint64_t count) {
    overflow |= !checked_add(total, count, &total) || total > static_cast<uint64_t>(INT64_MAX);
  }
};

class CharacterCounter {
 public:
  // A small number for every character met, from 0 on in order of first sight.
  uint32_t index(char32_t c) {
    auto& page = pages_[c >> 8];
    if (!page) page = std::make_unique<std::array<uint32_t, 256>>();
    uint32_t& index = (*page)[c & 255];
    if (index == 0) {
      characters_.push_back(c);
      counts_.push_back(0);
      index = static_cast<uint32_t>(characters_.size());
    }
    return index - 1;
  }
  uint32_t size() const { return static_cast<uint32_t>(characters_.size()); }
  uint64_t& count(uint32_t index) { return counts_[index]; }
  // Of every text, besides the counts of its characters: finds what does not fit 2^63.
  void add_total(uint64_t characters, uint64_t frequency) {
    uint64_t product = 0;
    overflow_ |= !checked_mul(characters, frequency, &product) || !checked_add(total_, product, &total_) ||
                 total_ > static_cast<uint64_t>(INT64_MAX);
  }
  void add_to(CharacterCounts* counts) const {
    for (uint32_t i = 0; i < size(); ++i) counts->characters[characters_[i]] += counts_[i];
    counts->add_total(total_);
    counts->overflow |= overflow_;
  }

 private:
  std::array<std::unique_ptr<std::array<uint32_t, 256>>, 0x1100> pages_;  // 1 + index, 0: not met
  std::vector<char32_t> characters_;
  std::vector<uint64_t> counts_;
  uint64_t total_ = 0;
  bool overflow_ = false;
};

}  // namespace belle::tokenizer
