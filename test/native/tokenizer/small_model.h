#pragma once
// Models made for one test, with LLaMA's kind of normaliser switched off unless asked for.
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "native/tokenizer/byte_piece.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"
#include "test/native/check.h"

namespace belle::tokenizer {

inline Piece piece_of(std::string text, float score, PieceType type = PieceType::normal) {
  Piece piece;
  piece.piece = std::move(text);
  piece.score = score;
  piece.type = type;
  return piece;
}

// <unk> 0, <s> 1, </s> 2, then `pieces` from id 3; no dummy prefix, white space kept.
inline SentencePieceModel small_model(std::initializer_list<Piece> pieces) {
  SentencePieceModel model;
  model.pieces = {piece_of("<unk>", 0, PieceType::unknown), piece_of("<s>", 0, PieceType::control),
                  piece_of("</s>", 0, PieceType::control)};
  model.pieces.insert(model.pieces.end(), pieces);
  model.trainer_spec.model_type = ModelType::bpe;
  model.normalizer_spec.name = "identity";
  model.normalizer_spec.add_dummy_prefix = false;
  model.normalizer_spec.remove_extra_whitespaces = false;
  return model;
}

inline void add_byte_pieces(SentencePieceModel* model) {
  model->trainer_spec.byte_fallback = true;
  for (int byte = 0; byte < 256; ++byte)
    model->pieces.push_back(piece_of(byte_piece(static_cast<uint8_t>(byte)), 0, PieceType::byte));
}

inline std::unique_ptr<SentencePieceTokenizer> tokenizer_of(SentencePieceModel model) {
  auto tokenizer = SentencePieceTokenizer::create(std::move(model));
  CHECK_OK(tokenizer.status());
  return tokenizer.ok() ? tokenizer.take() : nullptr;
}

inline std::vector<int32_t> encode(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids;
  CHECK_OK(tokenizer.encode(text, &ids));
  return ids;
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

using Ids = std::vector<int32_t>;

}  // namespace belle::tokenizer

// The status failed with invalid_data and its message holds `part`.
#define CHECK_REFUSED(status_expression, part)                                                             \
  do {                                                                                                     \
    const ::belle::Status belle_refusal = (status_expression);                                             \
    CHECK_EQ(static_cast<int>(belle_refusal.code()), static_cast<int>(::belle::StatusCode::invalid_data)); \
    if (!::belle::tokenizer::contains(belle_refusal.message(), part))                                      \
      ::belle::test::fail(__FILE__, __LINE__, "message without \"" part "\": " + belle_refusal.message()); \
  } while (0)
