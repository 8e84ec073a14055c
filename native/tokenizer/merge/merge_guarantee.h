#pragma once
// What a merged vocabulary guarantees for old text, read off the merged model itself.
//
// The rule: a new piece can appear in an encoding only where its text occurs in the normalised text. If every
// new piece holds a Han character, text whose normalised form holds none is encoded by the old pieces alone,
// with their old scores: id for id as before. If besides every new score lies below every old one and no new
// piece is user defined, the old merges of any text come first, so every old piece that encoded to itself
// still does. Distinct scores leave no tie for another program to break in its own way.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

struct MergeGuarantee {
  int64_t without_han = 0;      // new pieces without a Han character
  bool distinct_scores = true;  // no two new pieces share a score
  bool below_old = true;        // every new score below every old one
  bool all_normal = true;       // every new piece is of type NORMAL
  float lowest_old = 0, highest_new = 0;

  bool holds() const { return without_han == 0 && distinct_scores && below_old && all_normal; }
};

// Rows from base_rows on are the new ones.
MergeGuarantee check_guarantee(const SentencePieceModel& merged, size_t base_rows);

bool holds_han(std::string_view text);

}  // namespace belle::tokenizer
