#pragma once
// ExportChecker: does the tokenizer.json that we write give the ids of the model it was written from? By rank
// and by score are two ways to merge; where scores are equal they part (Chinese-LLaMA's pieces all have score
// 0).
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "native/tokenizer/encoding_difference.h"
#include "native/tokenizer/export/hf_bpe.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"

namespace belle::tokenizer {

struct ExportCheck {
  static constexpr size_t kExamples = 5, kLostPieces = 100;
  int64_t lines = 0, differing = 0;
  std::vector<EncodingDifference> examples;  // the first; `after` are the pieces of the tokenizer.json
  // Pieces that encode to themselves in the model and not in the tokenizer.json.
  int64_t lost = 0;
  std::vector<std::string> lost_pieces;  // the first
};

class ExportChecker {
 public:
  // Errors as write_tokenizer_json. Looks at the pieces.
  static Result<ExportChecker> create(const SentencePieceModel& model, const HfTokenizerOptions& options);
  // What it found of the pieces; no lines yet.
  const ExportCheck& pieces() const { return pieces_; }
  // Counts the line in `check`. Errors as Tokenizer::encode.
  Status compare(std::string_view line, EncodeScratch* scratch, ExportCheck* check) const;

 private:
  ExportChecker(std::unique_ptr<SentencePieceTokenizer> tokenizer, HfBpe exported);
  void find_lost_pieces();

  std::unique_ptr<SentencePieceTokenizer> tokenizer_;
  HfBpe exported_;
  ExportCheck pieces_;
};

}  // namespace belle::tokenizer
