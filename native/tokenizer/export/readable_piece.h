#pragma once
// readable_piece: a piece as people read it, written the same way whatever file it is from.
#include <cstdint>
#include <string>

#include "native/tokenizer/tokenizer.h"

namespace belle::tokenizer {

struct ReadablePiece {
  std::string text;
  PieceType type;
};

// As sentencepiece writes pieces: a space is U+2581. Pieces of a byte-level file are the text that their
// bytes are; bytes that are no whole character are written <0xE4>, and such a piece is of type BYTE.
ReadablePiece readable_piece(const Tokenizer& tokenizer, int32_t id);

}  // namespace belle::tokenizer
