#include "native/tokenizer/piece_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "native/core/folded_product.h"
#include "native/core/random_seed.h"

namespace belle::tokenizer {

namespace {

template <class Word>
inline uint64_t load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Reads in whole words, the last ones overlapping.
inline uint64_t hash(std::string_view text, uint64_t seed) {
  constexpr uint64_t first = 0xD6E8FEB86659FD93ull, second = 0xA0761D6478BD642Full;
  const char* at = text.data();
  const size_t size = text.size();
  uint64_t state = seed ^ size * 0x9E3779B97F4A7C15ull;
  if (size >= 8) {
    for (size_t done = 8; done < size; done += 8, at += 8)
      state = folded_product(state ^ load<uint64_t>(at), first);
    return folded_product(state ^ load<uint64_t>(text.data() + size - 8), second);
  }
  if (size >= 4)
    return folded_product(state ^ (load<uint32_t>(at) << 32 | load<uint32_t>(at + size - 4)), second);
  if (size >= 2)
    return folded_product(state ^ (load<uint16_t>(at) << 32 | load<uint16_t>(at + size - 2)), second);
  return folded_product(state ^ (size == 1 ? static_cast<uint8_t>(*at) : 0), second);
}

uint32_t score_order(float score) {
  const auto bits = std::bit_cast<uint32_t>(score);
  return bits >> 31 ? ~bits : bits | 1u << 31;
}

bool is_mergeable(PieceType type) {
  return type == PieceType::normal || type == PieceType::user_defined || type == PieceType::unused;
}

}  // namespace

PieceTable::PieceTable(const std::vector<Piece>& pieces)
    : seed_(random_seed()),
      priority_(pieces.size()),
      unused_(pieces.size()),
      slots_(std::bit_ceil(std::max<size_t>(pieces.size() * 2, 2))) {
  size_t bytes = 0;
  for (const Piece& piece : pieces) bytes += piece.piece.size();
  text_.reserve(bytes);
  begin_.reserve(pieces.size() + 1);
  begin_.push_back(0);
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    text_ += piece.piece;
    begin_.push_back(static_cast<uint32_t>(text_.size()));
    const uint64_t key = hash(piece.piece, seed_);
    size_t at = key & (slots_.size() - 1);
    while (slots_[at].id >= 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {static_cast<uint32_t>(key >> 32), static_cast<int32_t>(i)};
    if (!is_mergeable(piece.type)) continue;
    // -NaN alone would map to 0; check_model keeps NaN out.
    priority_[i] = score_order(piece.score);
    unused_[i] = piece.type == PieceType::unused;
    any_unused_ = any_unused_ || unused_[i];
    longest_ = std::max(longest_, piece.piece.size());
  }
}

int32_t PieceTable::find(std::string_view piece) const {
  const uint64_t key = hash(piece, seed_);
  const auto tag = static_cast<uint32_t>(key >> 32);
  for (size_t at = key & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot slot = slots_[at];
    if (slot.id < 0) return -1;
    if (slot.tag == tag && text(slot.id) == piece) return slot.id;
  }
}

}  // namespace belle::tokenizer
