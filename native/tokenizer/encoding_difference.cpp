#include "native/tokenizer/encoding_difference.h"

#include <algorithm>

#include "native/core/utf8.h"

namespace belle::tokenizer {
namespace {

constexpr size_t kShownCharacters = 200;

std::string head(std::string_view text) {
  size_t at = 0;
  for (size_t i = 0; i < kShownCharacters && at < text.size(); ++i) at += decode_utf8(text.substr(at)).length;
  return std::string(text.substr(0, at)) + (at < text.size() ? "…" : "");
}

std::vector<std::string> pieces_from(const Encoding& encoding, size_t from) {
  std::vector<std::string> pieces;
  for (size_t i = from; i < std::min(encoding.ids.size(), from + EncodingDifference::kShownPieces); ++i)
    pieces.push_back(encoding.tokenizer.piece(encoding.ids[i]).piece);
  return pieces;
}

}  // namespace

EncodingDifference first_difference(std::string_view line, const Encoding& before, const Encoding& after) {
  const auto parted =
      std::mismatch(before.ids.begin(), before.ids.end(), after.ids.begin(), after.ids.end()).first;
  const auto token = static_cast<size_t>(parted - before.ids.begin());
  const size_t from = token - std::min(token, EncodingDifference::kShownBefore);
  return {head(line), token, pieces_from(before, from), pieces_from(after, from)};
}

}  // namespace belle::tokenizer
