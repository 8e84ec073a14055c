#pragma once
// EncoderVocabulary: pieces by text, and which neighbouring characters a piece can join; read-only after
// creation.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

// The bytes of one character of 1 to 4 bytes as a number.
inline uint32_t pack_character(std::string_view character) {
  uint32_t packed = 0;
  for (const char byte : character) packed = packed << 8 | static_cast<uint8_t>(byte);
  return packed;
}

constexpr uint32_t kNoCharacter = ~0u;  // no valid character packs to it

class EncoderVocabulary {
 public:
  explicit EncoderVocabulary(const std::vector<Piece>& pieces);

  // The id of a piece of any type, or -1.
  int32_t find(std::string_view piece) const;
  // NORMAL, USER_DEFINED and UNUSED pieces are what a merge may produce.
  bool mergeable(int32_t id) const { return priority_[static_cast<size_t>(id)] != 0; }
  bool unused(int32_t id) const { return unused_[static_cast<size_t>(id)]; }
  bool any_unused() const { return any_unused_; }
  // Larger merges first. Orders scores as sentencepiece 0.2.2 does: by value, -0 below +0. 0 = not mergeable.
  uint32_t priority(int32_t id) const { return priority_[static_cast<size_t>(id)]; }
  // Bytes of the longest mergeable piece.
  size_t longest() const { return longest_; }
  // False only when no mergeable piece holds these characters side by side, so that no merge can cross from
  // one to the other. Characters are given packed (pack_character).
  bool may_join(uint32_t left, uint32_t right) const {
    const uint64_t bit = pair_bit(left, right);
    return pairs_[bit >> 6] >> (bit & 63) & 1;
  }
  // Remembers whether a piece alone encodes to itself; unknown until it was noted. Safe from many threads:
  // all write the same answer.
  enum class Whole : uint8_t { not_known, yes, no };
  Whole whole(int32_t id) const { return whole_[static_cast<size_t>(id)].load(std::memory_order_relaxed); }
  void note_whole(int32_t id, bool yes) const {
    whole_[static_cast<size_t>(id)].store(yes ? Whole::yes : Whole::no, std::memory_order_relaxed);
  }

 private:
  struct Slot {
    uint32_t tag = 0;  // of the hash; tells most misses without reading the text
    int32_t id = -1;
  };
  uint64_t pair_bit(uint32_t left, uint32_t right) const {
    const uint64_t key = uint64_t{left} << 32 | right;
    return (key * 0x9E3779B97F4A7C15ull >> 20 ^ key * 0xD6E8FEB86659FD93ull >> 40) & pair_mask_;
  }
  std::string_view text(int32_t id) const {
    const size_t i = static_cast<size_t>(id);
    return std::string_view(text_).substr(begin_[i], begin_[i + 1] - begin_[i]);
  }

  std::string text_;             // all pieces, one after the other
  std::vector<uint32_t> begin_;  // [pieces + 1]
  std::vector<uint32_t> priority_;
  std::vector<bool> unused_;
  std::vector<Slot> slots_;      // open addressing, at most half full
  std::vector<uint64_t> pairs_;  // a bit per hash of a pair of characters
  uint64_t pair_mask_ = 0;
  std::unique_ptr<std::atomic<Whole>[]> whole_;
  size_t longest_ = 0;
  bool any_unused_ = false;
};

}  // namespace belle::tokenizer
