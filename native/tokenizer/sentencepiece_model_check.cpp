#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "native/core/utf8.h"
#include "native/tokenizer/byte_piece.h"
#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

namespace {

Status bad_piece(const SentencePieceModel& model, size_t index, const std::string& what) {
  return {StatusCode::invalid_data,
          "piece " + std::to_string(index) + " (\"" + printable(model.pieces[index].piece) + "\") " + what};
}

Status check_piece(const SentencePieceModel& model, size_t index) {
  const Piece& piece = model.pieces[index];
  if (piece.piece.empty()) return bad_piece(model, index, "is empty; every piece needs text");
  if (piece.piece.size() > kMaxPieceBytes)
    return bad_piece(
        model, index,
        "is longer than " + std::to_string(kMaxPieceBytes) + " bytes; sentencepiece cannot read it");
  if (valid_utf8_prefix(piece.piece) != piece.piece.size())
    return bad_piece(model, index, "is not valid UTF-8; the file is damaged or of another kind");
  if (!std::isfinite(piece.score))
    return bad_piece(model, index, "has a score that is no finite number; give it one");
  const auto type = static_cast<int32_t>(piece.type);
  if (type < 1 || type > 6) return bad_piece(model, index, "has unknown type " + std::to_string(type));
  if (piece.type != PieceType::byte) return {};
  if (!model.trainer_spec.byte_fallback)
    return bad_piece(model, index,
                     "is of type BYTE although byte_fallback is off; switch it on or change the type");
  if (byte_of_piece(piece.piece) < 0)
    return bad_piece(model, index, "is of type BYTE but not one of <0x00> to <0xFF>");
  return {};
}

// Sorting, unlike a hash set, has no bad case a crafted file could aim at.
Status check_duplicates(const SentencePieceModel& model) {
  std::vector<uint32_t> order(model.pieces.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const int compared = model.pieces[a].piece.compare(model.pieces[b].piece);
    return compared != 0 ? compared < 0 : a < b;
  });
  for (size_t i = 1; i < order.size(); ++i)
    if (model.pieces[order[i - 1]].piece == model.pieces[order[i]].piece)
      return bad_piece(model, order[i],
                       "repeats piece " + std::to_string(order[i - 1]) + "; pieces must be distinct");
  return {};
}

}  // namespace

Status check_model(const SentencePieceModel& model) {
  if (model.pieces.size() > kMaxPieces)
    return {StatusCode::invalid_data,
            std::to_string(model.pieces.size()) + " pieces are over the limit of a million"};
  const std::string& surface = model.trainer_spec.unk_surface;
  if (valid_utf8_prefix(surface) != surface.size())
    return {StatusCode::invalid_data, "trainer_spec.unk_surface is not valid UTF-8; the file is damaged"};
  int64_t unknown = -1;
  std::array<bool, 256> bytes{};
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    BELLE_TRY(check_piece(model, i));
    const Piece& piece = model.pieces[i];
    if (piece.type == PieceType::byte) bytes[static_cast<size_t>(byte_of_piece(piece.piece))] = true;
    if (piece.type != PieceType::unknown) continue;
    if (unknown >= 0)
      return bad_piece(model, i,
                       "is a second piece of type UNKNOWN beside piece " + std::to_string(unknown) +
                           "; a model has exactly one");
    unknown = static_cast<int64_t>(i);
  }
  BELLE_TRY(check_duplicates(model));
  if (unknown < 0)
    return {StatusCode::invalid_data, "the model has no piece of type UNKNOWN among its " +
                                          std::to_string(model.pieces.size()) +
                                          "; is it a sentencepiece model?"};
  const auto missing = std::find(bytes.begin(), bytes.end(), false);
  if (model.trainer_spec.byte_fallback && missing != bytes.end())
    return {StatusCode::invalid_data, "byte_fallback is on but piece " +
                                          byte_piece(static_cast<uint8_t>(missing - bytes.begin())) +
                                          " of type BYTE is missing; all 256 are needed"};
  return {};
}

}  // namespace belle::tokenizer
