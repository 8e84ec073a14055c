#pragma once
// HfBpe: what Hugging Face's tokenizers gives for the tokenizer.json that we write, to be held against
// sentencepiece. Special pieces in the text count as text (encode_special_tokens there). A charsmap counts as
// applied as here.
#include <cstdint>
#include <string_view>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/export/hf_special_pieces.h"
#include "native/tokenizer/export/piece_merges.h"
#include "native/tokenizer/normalizer.h"
#include "native/tokenizer/prefix_matcher.h"
#include "native/tokenizer/ranked_encoder.h"

namespace belle::tokenizer {

class HfBpe {
 public:
  // The model is exportable (check_exportable), `table` is of its pieces, and both outlive this.
  static Result<HfBpe> create(const SentencePieceModel& model, const PieceTable& table,
                              const HfTokenizerOptions& options);

  // Appends the ids of a text below 2 GiB, without BOS and EOS.
  void encode(std::string_view utf8, std::vector<int32_t>* ids) const;
  // Of normalised text without user-defined pieces.
  void encode_normalized(std::string_view normalized, std::vector<int32_t>* ids) const;

 private:
  HfBpe(const SentencePieceModel& model, const PieceTable& table, const HfTokenizerOptions& options,
        Normalizer normalizer, const std::vector<RankedPair>& merges);
  void encode_stretch(std::string_view text, bool first, std::vector<int32_t>* ids) const;

  const PieceTable* table_;
  Normalizer normalizer_;
  PrefixMatcher user_defined_;
  RankedEncoder encoder_;
  std::vector<uint32_t> byte_ids_;
  uint32_t unk_id_;
  bool byte_fallback_, prefix_first_;
};

}  // namespace belle::tokenizer
