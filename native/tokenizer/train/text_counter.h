#pragma once
// TextCounter: distinct texts and how often each was added; an open-addressing table over an arena of bytes.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "native/core/folded_product.h"

namespace belle::tokenizer {

class TextCounter {
 public:
  struct Entry {
    const char* data;
    uint32_t size;
    uint32_t hash;  // the upper half; the lower half is the place in the table
    uint64_t count;
    std::string_view text() const { return {data, size}; }
  };

  static uint64_t hash(std::string_view text) {
    uint64_t state = text.size() * 0x9E3779B97F4A7C15ull;
    const char* at = text.data();
    size_t left = text.size();
    for (; left >= 8; at += 8, left -= 8) state = mix(state ^ load(at, 8));
    if (left) state = mix(state ^ load(at, left));
    return state ^ (state >> 32);
  }

  // The entry's text stays where it is until the counter goes.
  const Entry& add(std::string_view text, uint64_t count) { return add(text, hash(text), count, true); }
  // hash: of the text, by hash().
  const Entry& add_hashed(std::string_view text, uint64_t hash, uint64_t count) {
    return add(text, hash, count, true);
  }
  // Adds the entries of `other` and takes over its arena.
  void absorb(TextCounter&& other) {
    for (size_t i = 0; i < other.entries_.size(); ++i)
      add(other.entries_[i].text(), other.full_hash(i), other.entries_[i].count, false);
    for (auto& block : other.blocks_) blocks_.push_back(std::move(block));
    text_bytes_ += other.text_bytes_;
    other = TextCounter();
  }
  const std::vector<Entry>& entries() const { return entries_; }
  // Memory it holds.
  uint64_t bytes() const {
    return entries_.capacity() * sizeof(Entry) + (places_.capacity() + slots_.capacity()) * 4 + text_bytes_;
  }

 private:
  static constexpr size_t kFirstBlockBytes = 1 << 12, kBlockBytes = 1 << 18;

  static uint64_t load(const char* at, size_t bytes) {
    uint64_t word = 0;
    std::memcpy(&word, at, bytes);
    return word;
  }
  static uint64_t mix(uint64_t word) {
    return folded_product(word ^ 0xA0761D6478BD642Full, 0xE7037ED1A0B428DBull);
  }

  uint64_t full_hash(size_t entry) const { return uint64_t{entries_[entry].hash} << 32 | places_[entry]; }
  const Entry& add(std::string_view text, uint64_t hash, uint64_t count, bool copy) {
    if ((entries_.size() + 1) * 4 > slots_.size() * 3) grow();
    const auto upper = static_cast<uint32_t>(hash >> 32);
    size_t slot = hash & (slots_.size() - 1);
    for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
      Entry& entry = entries_[slots_[slot] - 1];
      if (entry.hash == upper && entry.text() == text) {
        entry.count += count;
        return entry;
      }
    }
    entries_.push_back({copy ? store(text) : text.data(), static_cast<uint32_t>(text.size()), upper, count});
    places_.push_back(static_cast<uint32_t>(hash));
    slots_[slot] = static_cast<uint32_t>(entries_.size());
    return entries_.back();
  }
  void grow() {
    slots_.assign(slots_.empty() ? 1024 : slots_.size() * 2, 0);
    for (size_t i = 0; i < entries_.size(); ++i) {
      size_t slot = full_hash(i) & (slots_.size() - 1);
      while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = static_cast<uint32_t>(i + 1);
    }
  }
  const char* store(std::string_view text) {
    if (text.size() > block_bytes_ / 8) {
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(text.size()));
      text_bytes_ += text.size();
      std::memcpy(blocks_.back().get(), text.data(), text.size());
      return blocks_.back().get();
    }
    if (text.size() > free_) {
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_bytes_));
      next_ = blocks_.back().get();
      free_ = block_bytes_;
      text_bytes_ += block_bytes_;
      block_bytes_ = std::min(block_bytes_ * 2, kBlockBytes);
    }
    char* const place = next_;
    std::memcpy(place, text.data(), text.size());
    next_ += text.size();
    free_ -= text.size();
    return place;
  }

  std::vector<Entry> entries_;
  std::vector<uint32_t> places_;  // lower half of each entry's hash
  std::vector<uint32_t> slots_;   // 1 + entry, 0 = free; a power of two
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t free_ = 0;
  size_t block_bytes_ = kFirstBlockBytes;
  uint64_t text_bytes_ = 0;
};

}  // namespace belle::tokenizer
