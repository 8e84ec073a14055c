#include "native/tokenizer/merge/merge_guarantee.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "native/core/utf8.h"
#include "native/tokenizer/unicode/unicode_script.h"

namespace belle::tokenizer {

bool holds_han(std::string_view text) {
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (c.code_point >= 0x80 && is_han(c.code_point)) return true;
    text.remove_prefix(c.length);
  }
  return false;
}

MergeGuarantee check_guarantee(const SentencePieceModel& merged, size_t base_rows) {
  MergeGuarantee result;
  result.lowest_old = std::numeric_limits<float>::max();
  for (size_t i = 0; i < base_rows; ++i)
    result.lowest_old = std::min(result.lowest_old, merged.pieces[i].score);
  result.highest_new = std::numeric_limits<float>::lowest();
  std::vector<float> scores;
  for (size_t i = base_rows; i < merged.pieces.size(); ++i) {
    const Piece& piece = merged.pieces[i];
    result.without_han += !holds_han(piece.piece);
    result.all_normal = result.all_normal && piece.type == PieceType::normal;
    result.highest_new = std::max(result.highest_new, piece.score);
    scores.push_back(piece.score);
  }
  result.below_old = scores.empty() || result.highest_new < result.lowest_old;
  std::sort(scores.begin(), scores.end());
  result.distinct_scores = std::adjacent_find(scores.begin(), scores.end()) == scores.end();
  return result;
}

}  // namespace belle::tokenizer
