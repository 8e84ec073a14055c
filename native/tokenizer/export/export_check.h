#pragma once
// ExportChecker: does the tokenizer.json that we write give the ids of the model it was written from? By rank
// and by score are two ways to merge; where scores are equal they part (Chinese-LLaMA's pieces all have score
// 0).
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "native/tokenizer/export/hf_bpe.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"

namespace belle::tokenizer {

struct ExportDifference {
  std::string line;
  std::vector<int32_t> expected, exported;  // sentencepiece's ids, and those of the tokenizer.json
};

struct ExportCheck {
  static constexpr size_t kExamples = 5, kLostPieces = 100;
  int64_t lines = 0, differing = 0;
  std::vector<ExportDifference> examples;  // the first
  // Pieces that encode to themselves in the model and not in the tokenizer.json.
  int64_t lost = 0;
  std::vector<std::string> lost_pieces;  // the first
};

class ExportChecker {
 public:
  // Errors as write_tokenizer_json. Looks at the pieces; lines come one by one.
  static Result<ExportChecker> create(const SentencePieceModel& model, const HfTokenizerOptions& options);
  // Errors as Tokenizer::encode.
  Status add(std::string_view line) { return compare(line, &scratch_, &check_); }
  // Of the pieces, and of the lines added.
  const ExportCheck& check() const { return check_; }
  // The same for a thread of many: counts the line in `check`, which `scratch` belongs beside.
  Status compare(std::string_view line, EncodeScratch* scratch, ExportCheck* check) const;
  const SentencePieceTokenizer& tokenizer() const { return *tokenizer_; }

 private:
  ExportChecker(std::unique_ptr<SentencePieceTokenizer> tokenizer, std::unique_ptr<PieceTable> table,
                HfBpe exported);
  void find_lost_pieces();

  std::unique_ptr<SentencePieceTokenizer> tokenizer_;
  std::unique_ptr<PieceTable> table_;
  HfBpe exported_;
  EncodeScratch scratch_;
  ExportCheck check_;
};

}  // namespace belle::tokenizer
