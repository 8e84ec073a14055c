#pragma once
// WordCache: the ids of short words seen before, for words come again and again. One entry a place: what
// comes later takes it. For one thread.
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace belle::tokenizer {

class WordCache {
 public:
  static constexpr size_t kReads = 16;  // bytes that word_at looks at
  static constexpr size_t kMostBytes = kReads - 1, kMostIds = 11;

  struct Word {
    std::array<uint64_t, kReads / 8> bytes;  // 0 behind the word
    size_t length;                           // 0: more than kMostBytes
  };
  // Any number of spaces and what follows up to the next space, from `text` on, of which kReads bytes can be
  // read.
  static Word word_at(const char* text);
  // The whole text.
  static Word word_of(std::string_view text) {
    Word word{{}, text.size() <= kMostBytes ? text.size() : 0};
    std::memcpy(word.bytes.data(), text.data(), word.length);
    return word;
  }

  struct alignas(64) Entry {
    std::array<uint64_t, kReads / 8> bytes{};
    uint16_t length = 0, count = 0;
    std::array<int32_t, kMostIds> ids{};
  };

  // Whether there are entries, of the words of `owner`: they are made after texts long enough to be worth it,
  // and anew for another owner.
  bool ready(const std::shared_ptr<const void>& owner, size_t bytes) {
    if (owner_ != owner) {
      owner_ = owner;
      seen_ = 0;
      entries_.reset();
    }
    if (entries_) return true;
    seen_ += bytes;
    if (seen_ < kWorthIt) return false;
    entries_ = std::make_unique<Entry[]>(kEntries);
    return true;
  }
  // nullptr where the word is not known.
  const Entry* find(const Word& word) const {
    const Entry& entry = entries_[place_of(word)];
    // Number by number: of arrays the compiler calls memcmp.
    const uint64_t differ = (entry.bytes[0] ^ word.bytes[0]) | (entry.bytes[1] ^ word.bytes[1]) |
                            static_cast<uint64_t>(entry.length ^ word.length);
    return differ == 0 ? &entry : nullptr;
  }
  // Words of more than kMostIds ids are not kept.
  void note(const Word& word, std::span<const int32_t> ids) {
    if (ids.size() > kMostIds) return;
    Entry& entry = entries_[place_of(word)];
    entry.bytes = word.bytes;
    entry.length = static_cast<uint16_t>(word.length);
    entry.count = static_cast<uint16_t>(ids.size());
    std::copy(ids.begin(), ids.end(), entry.ids.begin());
  }

 private:
  static constexpr int kBits = 14;  // a megabyte
  static constexpr size_t kEntries = size_t{1} << kBits, kWorthIt = 1 << 14;

  static size_t place_of(const Word& word) {
    const uint64_t all =
        (word.bytes[0] * 0x9E3779B97F4A7C15ull) ^ std::rotl(word.bytes[1] * 0xD6E8FEB86659FD93ull, 31);
    return (all ^ all >> 32) * 0xA0761D6478BD642Full >> (64 - kBits);
  }

  std::shared_ptr<const void> owner_;  // held, so that no other can come to lie where it was
  std::unique_ptr<Entry[]> entries_;
  size_t seen_ = 0;
};

inline WordCache::Word WordCache::word_at(const char* text) {
  static_assert(std::endian::native == std::endian::little);  // byte i of a number is its bits 8 i and up
  constexpr uint64_t kSpaces = 0x2020'2020'2020'2020, kLow = 0x7F7F'7F7F'7F7F'7F7F;
  Word word;
  std::memcpy(word.bytes.data(), text, sizeof word.bytes);
  uint32_t spaces = 0;  // a bit a byte
  for (size_t i = 0; i < word.bytes.size(); ++i) {
    const uint64_t other = word.bytes[i] ^ kSpaces;
    const uint64_t at = ~(((other & kLow) + kLow) | other | kLow) >> 7;  // bits 0, 8, 16, ..
    spaces |= static_cast<uint32_t>(at * 0x0102'0408'1020'4080 >> 56) << 8 * i;
  }
  const uint32_t ends = spaces & ~(spaces << 1) & 0xFFFE;  // from 1 on, behind another byte
  word.length = ends ? static_cast<size_t>(std::countr_zero(ends)) : 0;
  const uint64_t first = word.length >= 8 ? ~uint64_t{0} : (uint64_t{1} << 8 * word.length) - 1;
  const uint64_t second = word.length <= 8 ? 0 : (uint64_t{1} << 8 * (word.length - 8)) - 1;
  word.bytes[0] &= first;
  word.bytes[1] &= second;
  return word;
}

}  // namespace belle::tokenizer
