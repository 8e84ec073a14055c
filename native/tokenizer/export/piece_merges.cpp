#include "native/tokenizer/export/piece_merges.h"

#include <algorithm>
#include <string>

#include "native/tokenizer/piece_cuts.h"

namespace belle::tokenizer {

namespace {

struct Ranked {
  uint32_t priority;
  uint16_t left_length, right_length;  // characters; a piece has at most kMaxPieceBytes
  RankedPair merge;
};
static_assert(kMaxPieceBytes <= 0xFFFF);

bool goes_first(const Ranked& a, const Ranked& b) {
  if (a.priority != b.priority) return a.priority > b.priority;
  if (a.left_length != b.left_length) return a.left_length > b.left_length;
  if (a.right_length != b.right_length) return a.right_length > b.right_length;
  return a.merge.result < b.merge.result;
}

Status too_many(size_t id, const std::string& what) {
  return {StatusCode::invalid_data,
          "the merge list of these pieces " + what + " at piece " + std::to_string(id) +
              ": they are long and made of one another, as no training makes them; is it the right file?"};
}

}  // namespace

Result<std::vector<RankedPair>> piece_merges(const std::vector<Piece>& pieces, const PieceTable& table) {
  std::vector<Ranked> ranked;
  uint64_t text_bytes = 0, reads = kMaxMergeReads;
  // The id of a part that is a symbol of sentencepiece, or -1.
  const auto symbol = [&](const PiecePart& part) {
    const int32_t id = table.find(part.text);
    return id >= 0 && (part.count == 1 || table.mergeable(id)) ? id : -1;
  };
  for (size_t index = 0; index < pieces.size(); ++index) {
    const auto id = static_cast<int32_t>(index);
    if (!table.mergeable(id)) continue;
    const auto add = [&](const PiecePart& left, const PiecePart& right, int32_t left_id, int32_t right_id) {
      text_bytes += left.text.size() + right.text.size();
      ranked.push_back(
          {table.priority(id),
           static_cast<uint16_t>(left.count),
           static_cast<uint16_t>(right.count),
           {static_cast<uint32_t>(left_id), static_cast<uint32_t>(right_id), static_cast<uint32_t>(id)}});
      return text_bytes <= kMaxMergeText;
    };
    if (for_each_cut(pieces[index].piece, &reads, symbol, add)) continue;
    return text_bytes > kMaxMergeText
               ? too_many(index, "grows over " + std::to_string(kMaxMergeText >> 20) + " MiB of text")
               : too_many(index,
                          "takes more than " + std::to_string(kMaxMergeReads >> 30) + " GiB of reading");
  }
  std::sort(ranked.begin(), ranked.end(), goes_first);
  std::vector<RankedPair> merges;
  merges.reserve(ranked.size());
  for (const Ranked& entry : ranked) merges.push_back(entry.merge);
  return merges;
}

}  // namespace belle::tokenizer
