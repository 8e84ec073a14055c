#pragma once
// for_each_cut: every way to put a piece together from two.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "native/core/utf8.h"

namespace belle::tokenizer {

// A part of a piece, and which of the piece's characters it holds.
struct PiecePart {
  std::string_view text;
  size_t first, count;
};

// Cuts `piece`, valid UTF-8, between any two characters, the shortest left part first. find(part) gives the
// id of a part, below 0 where it is none; visit(left, right, left_id, right_id) sees the cuts with two ids,
// until it returns false. `reads` are the bytes of parts that may still be looked up: pieces made of one
// another cost the square of their length. Returns false when they do not suffice, or visit did.
template <class Find, class Visit>
bool for_each_cut(std::string_view piece, uint64_t* reads, Find&& find, Visit&& visit) {
  const auto characters = static_cast<size_t>(
      std::count_if(piece.begin(), piece.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  const auto affordable = [&](const PiecePart& part) {
    if (part.text.size() > *reads) return false;
    *reads -= part.text.size();
    return true;
  };
  size_t at = 0;
  for (size_t count = 1; count < characters; ++count) {
    at += utf8_announced_length(piece[at]);
    const PiecePart left{piece.substr(0, at), 0, count};
    const PiecePart right{piece.substr(at), count, characters - count};
    if (!affordable(left)) return false;
    const auto left_id = find(left);
    if (left_id < 0) continue;
    if (!affordable(right)) return false;
    const auto right_id = find(right);
    if (right_id >= 0 && !visit(left, right, left_id, right_id)) return false;
  }
  return true;
}

}  // namespace belle::tokenizer
