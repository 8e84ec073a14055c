#pragma once
// SpanTable: distinct spans of symbols with the sum of their weights, numbered from 0 on in order of first
// sight.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace belle::tokenizer {

class SpanTable {
 public:
  static constexpr uint32_t kSeparator = 0xFFFFFFFF;
  struct Spans {
    std::vector<uint32_t> symbols;  // of all spans in order, kSeparator before each
    std::vector<uint32_t> begins;   // of each span in `symbols`
    std::vector<uint64_t> weights;  // of each span
    std::span<const uint32_t> operator[](uint32_t number) const {
      const size_t begin = begins[number];
      const size_t end = number + 1 < begins.size() ? begins[number + 1] - 1 : symbols.size();
      return {symbols.data() + begin, end - begin};
    }
  };

  static uint64_t hash(std::span<const uint32_t> span) {
    uint64_t state = span.size();
    for (const uint32_t symbol : span) state = (std::rotl(state, 23) ^ symbol) * 0x9E3779B97F4A7C15ull;
    return (state ^ state >> 32) * 0xD6E8FEB86659FD93ull;
  }

  // hash: of the span, by hash().
  void add(std::span<const uint32_t> span, uint64_t hash, uint64_t weight) {
    if ((spans_.begins.size() + 1) * 4 > slots_.size() * 3) grow();
    uint32_t& slot = slots_[slot_of(span, hash)];
    if (slot != 0) {
      spans_.weights[slot - 1] += weight;
      return;
    }
    spans_.symbols.push_back(kSeparator);
    spans_.begins.push_back(static_cast<uint32_t>(spans_.symbols.size()));
    spans_.symbols.insert(spans_.symbols.end(), span.begin(), span.end());
    spans_.weights.push_back(weight);
    slot = static_cast<uint32_t>(spans_.begins.size());
  }
  // Before add(): fetches the place of a span.
  void prefetch(uint64_t hash) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[hash & (slots_.size() - 1)], 1);
  }
  bool find(std::span<const uint32_t> span, uint64_t hash, uint32_t* number) const {
    if (slots_.empty()) return false;
    const uint32_t found = slots_[slot_of(span, hash)];
    if (found != 0) *number = found - 1;
    return found != 0;
  }

  const Spans& spans() const { return spans_; }
  // The spans alone; the table is empty then.
  Spans take() {
    slots_ = {};
    return std::exchange(spans_, {});
  }
  void shrink() {  // gives back what the spans hold in reserve
    spans_.symbols.shrink_to_fit();
    spans_.begins.shrink_to_fit();
    spans_.weights.shrink_to_fit();
  }
  uint64_t bytes() const {  // memory of the table
    return (spans_.symbols.capacity() + spans_.begins.capacity() + slots_.capacity()) * 4 +
           spans_.weights.capacity() * 8;
  }

 private:
  // The span's slot, or the free one where it belongs.
  size_t slot_of(std::span<const uint32_t> span, uint64_t hash) const {
    size_t slot = hash & (slots_.size() - 1);
    for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
      const auto known = spans_[slots_[slot] - 1];
      if (std::equal(known.begin(), known.end(), span.begin(), span.end())) break;
    }
    return slot;
  }
  void grow() {
    slots_.assign(slots_.empty() ? 64 : slots_.size() * 2, 0);
    for (uint32_t number = 0; number < spans_.begins.size(); ++number) {
      size_t slot = hash(spans_[number]) & (slots_.size() - 1);
      while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = number + 1;
    }
  }

  Spans spans_;
  std::vector<uint32_t> slots_;  // 1 + number, 0 = free; a power of two
};

}  // namespace belle::tokenizer
