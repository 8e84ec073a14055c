#pragma once
// Vocabulary merge: the pieces of `addition` appended to `base`, base ids unchanged.
//   belle          every piece for text that base lacks, with the score and type it was trained with
//                  (LianjiaTech/BELLE train/scripts/merge_tokenizers.py)
//   chinese_llama  the same with score 0 and type NORMAL (ymcui/Chinese-LLaMA-Alpaca scripts/merge_tokenizer)
//   safe           only pieces with a Han character, distinct scores below every old one in trained order:
//                  text without Han characters encodes exactly as before (merge_guarantee.h says why)
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/merge/merge_guarantee.h"
#include "native/tokenizer/sentencepiece_model.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"

namespace belle::tokenizer {

enum class MergeMode { safe, belle, chinese_llama };

struct MergeReport {
  int64_t base_rows = 0, addition_rows = 0, shared = 0, added = 0, left_out = 0, rows = 0;
  int64_t dead_old = 0, dead_new = 0;  // pieces that no longer, or never, encode to themselves
  // The first 100 of each by name.
  std::vector<std::string> shared_pieces, added_pieces, left_out_pieces, dead_old_pieces, dead_new_pieces;
  int64_t padded_rows_8 = 0, padded_rows_64 = 0, padded_rows_128 = 0;
  MergeGuarantee guarantee;  // holds in safe mode; the other modes say how far they are from it
  // For new row base_rows + i: the base tokenizer's ids of its text (byte pieces for characters it lacks), to
  // initialise embedding rows.
  std::vector<std::vector<int32_t>> sub_tokens;
};

struct MergeResult {
  SentencePieceModel model;
  MergeReport report;
  std::unique_ptr<SentencePieceTokenizer> before, after;  // of the base, of `model`
};

// CONTROL, UNKNOWN and BYTE pieces of the addition are never copied (left_out, or shared when base has them).
// Normaliser and options stay base's. The addition may be UNIGRAM; unsupported when the base is not BPE,
// invalid_data for a piece with U+0000, or in safe mode for base scores too low to leave room below.
Result<MergeResult> merge_vocabulary(const SentencePieceModel& base, const SentencePieceModel& addition,
                                     MergeMode mode);

}  // namespace belle::tokenizer
