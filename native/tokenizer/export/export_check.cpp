#include "native/tokenizer/export/export_check.h"

#include <utility>

#include "native/tokenizer/export/tokenizer_json_writer.h"

namespace belle::tokenizer {

ExportChecker::ExportChecker(std::unique_ptr<SentencePieceTokenizer> tokenizer, HfBpe exported)
    : tokenizer_(std::move(tokenizer)), exported_(std::move(exported)) {
  find_lost_pieces();
}

Result<ExportChecker> ExportChecker::create(const SentencePieceModel& model,
                                            const HfTokenizerOptions& options) {
  BELLE_TRY(check_exportable(model, options));
  BELLE_TRY(hf_special_pieces(model, options).status());
  BELLE_ASSIGN(std::unique_ptr<SentencePieceTokenizer> tokenizer, SentencePieceTokenizer::create(model));
  BELLE_ASSIGN(HfBpe exported, HfBpe::create(tokenizer->model(), tokenizer->table(), options));
  return ExportChecker(std::move(tokenizer), std::move(exported));
}

void ExportChecker::find_lost_pieces() {
  std::vector<int32_t> ids;
  for (int32_t id = 0; id < tokenizer_->vocab_size(); ++id) {
    const Piece& piece = tokenizer_->piece(id);
    if (piece.type != PieceType::normal) continue;
    ids.clear();
    exported_.encode_normalized(piece.piece, &ids);
    const std::vector<int32_t> itself{id};
    if (ids == itself || tokenizer_->encode_normalized(piece.piece) != itself) continue;
    if (pieces_.lost++ < static_cast<int64_t>(ExportCheck::kLostPieces))
      pieces_.lost_pieces.push_back(piece.piece);
  }
}

Status ExportChecker::compare(std::string_view line, EncodeScratch* scratch, ExportCheck* check) const {
  std::vector<int32_t> expected, exported;
  BELLE_TRY(tokenizer_->encode(line, scratch, &expected));
  exported_.encode(line, &exported);
  ++check->lines;
  if (expected == exported) return {};
  ++check->differing;
  if (check->examples.size() < ExportCheck::kExamples)
    check->examples.push_back(first_difference(line, {*tokenizer_, expected}, {*tokenizer_, exported}));
  return {};
}

}  // namespace belle::tokenizer
