#pragma once
// HeapEncoder: byte pair encoding as sentencepiece 0.2.2 does it (src/bpe_model.cc). Characters, or
// user-defined pieces that never merge, are joined while two neighbours together make a piece: highest score
// first, then leftmost. UNUSED pieces merge on the way up and are taken apart at the end. The reference for
// the linear encoder, and what encodes where that one does not serve.
#include <cstdint>
#include <string_view>
#include <vector>

#include "native/tokenizer/piece_table.h"
#include "native/tokenizer/prefix_matcher.h"

namespace belle::tokenizer {

struct Segment {
  std::string_view text;  // a part of the normalised text
  int32_t id;             // -1: one character that is no piece
};

class HeapEncoder {
 public:
  // normalized.size() at most this: symbols are counted in 32 bits.
  static constexpr size_t kMaxBytes = (1ull << 31) - 1;

  // Both must outlive the encoder.
  HeapEncoder(const PieceTable& pieces, const PrefixMatcher& user_defined)
      : pieces_(pieces), user_defined_(user_defined) {}
  // Appends; the texts cover `normalized` without gaps. Time n log n in its length.
  void segment(std::string_view normalized, std::vector<Segment>* out) const;

 private:
  const PieceTable& pieces_;
  const PrefixMatcher& user_defined_;
};

}  // namespace belle::tokenizer
