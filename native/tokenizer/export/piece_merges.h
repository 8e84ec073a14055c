#pragma once
// The merge list of Hugging Face's BPE for the pieces of a sentencepiece model. sentencepiece has none: there
// any two neighbours join whose text together is a piece, the best score first, of equal scores the leftmost.
// Here a pair has a rank, and of equal pairs the leftmost goes first; so equal scores, and a piece that
// overlaps itself and comes about in several ways, may go another way than there (export_check.h counts it).
#include <cstdint>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/piece_table.h"
#include "native/tokenizer/ranked_encoder.h"

namespace belle::tokenizer {

// The text of all merges together, and the bytes looked at to find them: what models as people train them
// need is a hundredth of it.
constexpr uint64_t kMaxMergeText = 64u << 20, kMaxMergeReads = 1ull << 30;

// Every cut of every piece that a merge can give into two symbols of sentencepiece that are pieces:
// characters and what merges give. (A character that is no piece is a symbol there as well; a merge list
// cannot say so.) In the order of transformers' generate_merges: by score, characters of the left piece, of
// the right piece, all descending; then by id. Rank 0 first. `table` is of these pieces, which have passed
// check_model. invalid_data over the limits above.
Result<std::vector<RankedPair>> piece_merges(const std::vector<Piece>& pieces, const PieceTable& table);

}  // namespace belle::tokenizer
