#include "native/tokenizer/decoder.h"

#include "native/tokenizer/byte_piece.h"
#include "native/tokenizer/space_symbol.h"
#include "native/tokenizer/utf8_stream.h"

namespace belle::tokenizer {

PieceDecoder::PieceDecoder(const SentencePieceModel& model)
    : model_(model),
      strips_(model.normalizer_spec.add_dummy_prefix || model.normalizer_spec.remove_extra_whitespaces) {}

void PieceDecoder::append_with_spaces(std::string_view piece, std::string* text) {
  for (size_t found; (found = piece.find(kSpaceSymbol)) != std::string_view::npos;) {
    append(piece.substr(0, found), text);
    append(" ", text);
    piece.remove_prefix(found + kSpaceSymbol.size());
  }
  append(piece, text);
}

void PieceDecoder::push(int32_t id, std::string* text) {
  if (id < 0 || static_cast<size_t>(id) >= model_.pieces.size()) return;
  const Piece& piece = model_.pieces[static_cast<size_t>(id)];
  if (piece.type == PieceType::byte) {
    bytes_.push_back(static_cast<char>(byte_of_piece(piece.piece)));
    any_text_ = true;
    take_characters(&bytes_, false, text);
    return;
  }
  finish(text);
  if (stripped_prefix_ || any_text_) at_start_ = false;
  stripped_prefix_ = false;
  if (piece.type == PieceType::control) return;
  if (piece.type == PieceType::unknown) return append(model_.trainer_spec.unk_surface, text);
  std::string_view rest = piece.piece;
  if (at_start_ && strips_ && rest.starts_with(kSpaceSymbol)) {
    rest.remove_prefix(kSpaceSymbol.size());
    // Only the dummy prefix is one of a kind; removed white space may span pieces.
    stripped_prefix_ = !model_.normalizer_spec.remove_extra_whitespaces;
  }
  append_with_spaces(rest, text);
}

void PieceDecoder::finish(std::string* text) { take_characters(&bytes_, true, text); }

std::string decode_ids(const SentencePieceModel& model, std::span<const int32_t> ids) {
  PieceDecoder decoder(model);
  std::string text;
  for (const int32_t id : ids) decoder.push(id, &text);
  decoder.finish(&text);
  return text;
}

}  // namespace belle::tokenizer
