#pragma once
// The texts of user-defined pieces, for a PrefixMatcher.
#include <string>
#include <vector>

#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

inline std::vector<std::string> user_defined_of(const std::vector<Piece>& pieces) {
  std::vector<std::string> texts;
  for (const Piece& piece : pieces)
    if (piece.type == PieceType::user_defined) texts.push_back(piece.piece);
  return texts;
}

}  // namespace belle::tokenizer
