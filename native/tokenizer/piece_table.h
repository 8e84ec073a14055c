#pragma once
// PieceTable: pieces by text, and what of them merges; read-only after creation.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

class PieceTable {
 public:
  explicit PieceTable(const std::vector<Piece>& pieces);

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

 private:
  struct Slot {
    uint32_t tag = 0;  // of the hash; tells most misses without reading the text
    int32_t id = -1;
  };
  std::string_view text(int32_t id) const {
    const size_t i = static_cast<size_t>(id);
    return std::string_view(text_).substr(begin_[i], begin_[i + 1] - begin_[i]);
  }

  // Another one in every table: no file can be made whose pieces all fall into one place.
  uint64_t seed_;
  std::string text_;             // all pieces, one after the other
  std::vector<uint32_t> begin_;  // [pieces + 1]
  std::vector<uint32_t> priority_;
  std::vector<bool> unused_;
  std::vector<Slot> slots_;  // open addressing, at most half full
  size_t longest_ = 0;
  bool any_unused_ = false;
};

}  // namespace belle::tokenizer
