#include "native/tokenizer/export/readable_piece.h"

#include "native/core/utf8.h"
#include "native/tokenizer/byte_piece.h"
#include "native/tokenizer/json/byte_level.h"
#include "native/tokenizer/json/tokenizer_json.h"
#include "native/tokenizer/space_symbol.h"

namespace belle::tokenizer {

ReadablePiece readable_piece(const Tokenizer& tokenizer, int32_t id) {
  const Piece& piece = tokenizer.piece(id);
  const TokenizerJson* json = tokenizer.tokenizer_json();
  // Added tokens of a byte-level file are text as they are.
  if (json == nullptr || !json->byte_level() || piece.type != PieceType::normal)
    return {piece.piece, piece.type};
  std::string bytes;
  append_byte_level_bytes(piece.piece, &bytes);
  ReadablePiece readable{{}, piece.type};
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Char c = decode_utf8(std::string_view(bytes).substr(at));
    if (!c.valid) {
      readable.text += byte_piece(static_cast<uint8_t>(bytes[at]));
      readable.type = PieceType::byte;
    } else if (c.code_point == ' ') {
      readable.text += kSpaceSymbol;
    } else {
      readable.text.append(bytes, at, c.length);
    }
    at += c.length;
  }
  return readable;
}

}  // namespace belle::tokenizer
