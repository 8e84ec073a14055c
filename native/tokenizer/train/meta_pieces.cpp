#include "native/tokenizer/train/meta_pieces.h"

#include <cstdio>
#include <set>

#include "native/core/utf8.h"

namespace belle::tokenizer {
namespace {

Status invalid(const std::string& what) { return {StatusCode::invalid_argument, what}; }

Status check_range(const char* option, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return {};
  return invalid(std::string(option) + " is " + std::to_string(value) + ": give " + std::to_string(low) +
                 " to " + std::to_string(high));
}

Status check_text(const std::string& option, const std::string& text) {
  if (text.empty()) return invalid(option + " holds an empty piece: give it a text");
  if (text.size() > kMaxPieceBytes || text.find('\0') != std::string::npos ||
      valid_utf8_prefix(text) != text.size())
    return invalid(option + " holds \"" + printable(text) +
                   "\": a piece is valid UTF-8 without U+0000, at most 7999 bytes");
  return {};
}

}  // namespace

Status check_train_request(const BpeTrainRequest& request) {
  const TrainerSpec& spec = request.trainer_spec;
  if (request.files.empty() && request.sentences.empty())
    return invalid("no training text: give files or sentences");
  BELLE_TRY(check_range("vocab_size", spec.vocab_size, 1, kMaxPieces));
  if (!(spec.character_coverage >= 0.98f && spec.character_coverage <= 1.0f))
    return invalid("character_coverage is " + std::to_string(spec.character_coverage) + ": give 0.98 to 1");
  BELLE_TRY(check_range("max_sentencepiece_length", spec.max_sentencepiece_length, 1, 512));
  BELLE_TRY(check_range("max_sentence_length", spec.max_sentence_length, 10, 1 << 30));
  if (spec.input_sentence_size != 0 && spec.input_sentence_size <= 100)
    return invalid("input_sentence_size is " + std::to_string(spec.input_sentence_size) +
                   ": give 0 (all sentences) or more than 100");
  BELLE_TRY(check_range("threads", request.threads, 0, kMaxTrainThreads));
  if (!request.normalizer_spec.escape_whitespaces)
    return invalid(
        "escape_whitespaces is false: BPE training needs spaces written as U+2581, set it to true");
  if (valid_utf8_prefix(spec.required_chars) != spec.required_chars.size())
    return invalid("required_chars is not valid UTF-8: \"" + printable(spec.required_chars) + "\"");
  for (const auto& [option, text] : {std::pair{"unk_piece", &spec.unk_piece},
                                     {"bos_piece", &spec.bos_piece},
                                     {"eos_piece", &spec.eos_piece},
                                     {"pad_piece", &spec.pad_piece}})
    BELLE_TRY(check_text(option, *text));
  for (const auto& text : spec.control_symbols) BELLE_TRY(check_text("control_symbols", text));
  for (const auto& text : spec.user_defined_symbols) BELLE_TRY(check_text("user_defined_symbols", text));
  return {};
}

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
    for (unsigned byte = 0; byte < 256; ++byte) {
      char text[8];
      std::snprintf(text, sizeof text, "<0x%02X>", byte);
      BELLE_TRY(define(text, PieceType::byte));
    }
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
