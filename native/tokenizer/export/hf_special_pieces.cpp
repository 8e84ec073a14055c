#include "native/tokenizer/export/hf_special_pieces.h"

#include "native/core/utf8.h"

namespace belle::tokenizer {

namespace {

Status missing(const char* flag, const char* field, const std::string& piece) {
  return {StatusCode::invalid_argument, std::string(flag) + " is on, but the model has no CONTROL piece \"" +
                                            printable(piece) + "\", which its trainer_spec." + field +
                                            " names; switch it off or train with the piece"};
}

}  // namespace

Result<HfSpecialPieces> hf_special_pieces(const SentencePieceModel& model,
                                          const HfTokenizerOptions& options) {
  if (options.model_max_length <= 0)
    return Status(StatusCode::invalid_argument, "model_max_length is " +
                                                    std::to_string(options.model_max_length) +
                                                    "; give the number of tokens the model was made for");
  const TrainerSpec& spec = model.trainer_spec;
  HfSpecialPieces special;
  const bool any_pad = !options.pad_piece.empty();
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const Piece& piece = model.pieces[i];
    const auto id = static_cast<int32_t>(i);
    const bool control = piece.type == PieceType::control;
    if (piece.type == PieceType::unknown) special.unk = id;
    if (control && piece.piece == spec.bos_piece) special.bos = id;
    if (control && piece.piece == spec.eos_piece) special.eos = id;
    const bool pad = any_pad ? piece.piece == options.pad_piece && piece.type != PieceType::byte
                             : control && piece.piece == spec.pad_piece;
    if (pad) special.pad = id;
    const bool apart = control || pad || piece.type == PieceType::unknown;
    if (apart || piece.type == PieceType::user_defined) special.added.push_back({id, piece.piece, apart});
  }
  if (options.add_bos && special.bos < 0) return missing("add_bos", "bos_piece", spec.bos_piece);
  if (options.add_eos && special.eos < 0) return missing("add_eos", "eos_piece", spec.eos_piece);
  if (any_pad && special.pad < 0)
    return Status(StatusCode::invalid_argument,
                  "pad_piece \"" + printable(options.pad_piece) +
                      "\" is no piece of the model; name one of its pieces that is not of type BYTE");
  return special;
}

}  // namespace belle::tokenizer
