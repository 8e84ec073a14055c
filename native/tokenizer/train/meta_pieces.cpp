#include "native/tokenizer/train/meta_pieces.h"

#include <set>

#include "native/core/utf8.h"
#include "native/tokenizer/byte_piece.h"

namespace belle::tokenizer {
namespace {

Status invalid(const std::string& what) { return {StatusCode::invalid_argument, what}; }

}  // namespace

Result<MetaPieces> MetaPieces::create(const TrainerSpec& spec) {
  MetaPieces meta;
  struct Reserved {
    const char* option;
    int32_t id;
    const std::string* text;
    PieceType type;
  };
  const Reserved reserved[] = {{"unk_id", spec.unk_id, &spec.unk_piece, PieceType::unknown},
                               {"bos_id", spec.bos_id, &spec.bos_piece, PieceType::control},
                               {"eos_id", spec.eos_id, &spec.eos_piece, PieceType::control},
                               {"pad_id", spec.pad_id, &spec.pad_piece, PieceType::control}};
  if (spec.unk_id < 0)
    return invalid("unk_id is " + std::to_string(spec.unk_id) +
                   ": a model needs an unknown piece, give it an id from 0 on");
  for (const Reserved& piece : reserved) {
    if (piece.id < 0) continue;
    if (piece.id >= spec.vocab_size)
      return invalid(std::string(piece.option) + " is " + std::to_string(piece.id) +
                     ", outside the vocabulary of " + std::to_string(spec.vocab_size) +
                     ": give a smaller id or a larger vocab_size");
    const auto [other, added] = meta.by_id_.try_emplace(piece.id, Piece{*piece.text, 0, piece.type});
    if (!added)
      return invalid(std::string(piece.option) + " is " + std::to_string(piece.id) + ", the id of \"" +
                     other->second.piece + "\": give each its own id, or -1 for none");
  }

  std::set<std::string> defined;
  int32_t next = 0;
  // A symbol with the text of bos, eos or pad changes the type of that piece; any other takes the next free
  // id.
  const auto define = [&](const std::string& text, PieceType type) -> Status {
    if (!defined.insert(text).second)
      return invalid("the symbol \"" + printable(text) + "\" is defined twice: name it once");
    if (text == spec.unk_piece)
      return invalid("the symbol \"" + printable(text) +
                     "\" is the unknown piece: take it out of control_symbols and user_defined_symbols");
    for (const Reserved& piece : reserved)
      if (piece.id >= 0 && text == *piece.text) {
        meta.by_id_[piece.id].type = type;
        return {};
      }
    while (meta.by_id_.contains(next)) ++next;
    meta.by_id_[next] = Piece{text, 0, type};
    return {};
  };
  for (const auto& text : spec.control_symbols) BELLE_TRY(define(text, PieceType::control));
  for (const auto& text : spec.user_defined_symbols) BELLE_TRY(define(text, PieceType::user_defined));
  if (spec.byte_fallback)
    for (unsigned byte = 0; byte < 256; ++byte)
      BELLE_TRY(define(byte_piece(static_cast<uint8_t>(byte)), PieceType::byte));
  std::set<std::string> texts;
  for (const auto& [id, piece] : meta.by_id_)
    if (!texts.insert(piece.piece).second)
      return invalid("the piece \"" + printable(piece.piece) +
                     "\" has two ids: give unk, bos, eos and pad different texts");
  return meta;
}

std::vector<std::string> MetaPieces::texts() const {
  std::vector<std::string> texts;
  for (const auto& [id, piece] : by_id_) texts.push_back(piece.piece);
  return texts;
}

}  // namespace belle::tokenizer
