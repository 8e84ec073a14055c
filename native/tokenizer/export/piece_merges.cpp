#include "native/tokenizer/export/piece_merges.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "native/core/utf8.h"

namespace belle::tokenizer {

namespace {

struct Ranked {
  uint32_t priority;
  uint16_t left_length, right_length;  // characters; a piece has at most kMaxPieceBytes
  RankedPair merge;
};
static_assert(kMaxPieceBytes <= 0xFFFF);

size_t characters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

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
  uint64_t text_bytes = 0, reads = 0;
  // The id of a part that is a symbol of sentencepiece, or -1.
  const auto symbol = [&](std::string_view part) {
    reads += part.size();
    const int32_t id = table.find(part);
    const bool character = utf8_announced_length(part[0]) == part.size();
    return id >= 0 && (character || table.mergeable(id)) ? id : -1;
  };
  for (size_t id = 0; id < pieces.size(); ++id) {
    if (!table.mergeable(static_cast<int32_t>(id))) continue;
    const std::string_view text = pieces[id].piece;
    const size_t length = characters(text);
    size_t left_length = 0;
    for (size_t cut = utf8_announced_length(text[0]); cut < text.size();
         cut += utf8_announced_length(text[cut])) {
      ++left_length;
      const int32_t left = symbol(text.substr(0, cut));
      if (left < 0) continue;
      const int32_t right = symbol(text.substr(cut));
      if (right < 0) continue;
      text_bytes += text.size();
      if (text_bytes > kMaxMergeText)
        return too_many(id, "grows over " + std::to_string(kMaxMergeText >> 20) + " MiB of text");
      ranked.push_back(
          {table.priority(static_cast<int32_t>(id)),
           static_cast<uint16_t>(left_length),
           static_cast<uint16_t>(length - left_length),
           {static_cast<uint32_t>(left), static_cast<uint32_t>(right), static_cast<uint32_t>(id)}});
    }
    if (reads > kMaxMergeReads)
      return too_many(id, "takes more than " + std::to_string(kMaxMergeReads >> 30) + " GiB of reading");
  }
  std::sort(ranked.begin(), ranked.end(), goes_first);
  std::vector<RankedPair> merges;
  merges.reserve(ranked.size());
  for (const Ranked& entry : ranked) merges.push_back(entry.merge);
  return merges;
}

}  // namespace belle::tokenizer
