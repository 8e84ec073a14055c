#pragma once
// PieceEncoder: normalised code points to the ids of a sentencepiece BPE model, in linear time; what
// HeapEncoder gives, but for UNUSED pieces, which only that one takes apart.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "native/tokenizer/linear_encoder.h"
#include "native/tokenizer/piece_table.h"

namespace belle::tokenizer {

class PieceEncoder {
 public:
  struct Scratch {
    std::vector<uint32_t> atoms, symbols;
    LinearEncoder::Scratch linear;
  };

  // nullopt where the model has UNUSED pieces, or pieces that come about in so many ways (hundreds of
  // characters that are all pieces) that the table of them would outgrow the model.
  static std::optional<PieceEncoder> create(const std::vector<Piece>& pieces, const PieceTable& table);

  // Appends an id for every symbol and, where `lengths` is given, its length in code points. A character that
  // is no piece has id -1 and is a symbol of its own.
  void encode(std::span<const char32_t> normalized, Scratch* scratch, std::vector<int32_t>* ids,
              std::vector<uint32_t>* lengths) const;

 private:
  PieceEncoder(LinearEncoder encoder, std::vector<uint32_t> pages, std::vector<uint32_t> atoms, uint32_t pieces)
      : encoder_(std::move(encoder)), pages_(std::move(pages)), atoms_(std::move(atoms)), pieces_(pieces) {}
  // kBarrier for a character in no piece.
  uint32_t atom(char32_t c) const { return atoms_[pages_[c >> 8] + (c & 0xFF)]; }

  LinearEncoder encoder_;
  std::vector<uint32_t> pages_, atoms_;  // atoms_[pages_[c / 256] + c % 256]
  uint32_t pieces_;                      // symbols from here on are characters that are no piece
};

}  // namespace belle::tokenizer
