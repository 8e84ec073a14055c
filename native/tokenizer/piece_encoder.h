#pragma once
// PieceEncoder: normalised text to the ids of a sentencepiece BPE model, in linear time; what HeapEncoder
// gives, but for UNUSED pieces, which only that one takes apart.
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "native/core/code_points.h"
#include "native/tokenizer/linear_encoder.h"
#include "native/tokenizer/normalizer.h"
#include "native/tokenizer/piece_table.h"
#include "native/tokenizer/work_array.h"

namespace belle::tokenizer {

class PieceEncoder {
 public:
  struct Scratch {
    WorkArray<uint32_t> atoms, symbols;
    std::vector<char32_t> unknown;
    LinearEncoder::Scratch linear;
  };
  // A symbol is a piece's id, or kCharacter + a character that is no piece.
  static constexpr uint32_t kCharacter = 1u << 31;

  // nullopt where the model has UNUSED pieces, or pieces that come about in so many ways (hundreds of
  // characters that are all pieces) that the table of them would outgrow the model.
  static std::optional<PieceEncoder> create(const std::vector<Piece>& pieces, const PieceTable& table);

  // The symbols of normalised text; valid until the scratch is used again.
  std::span<const uint32_t> encode(std::span<const char32_t> normalized, Scratch* scratch) const;
  // The same of a text in UTF-8 or UTF-16 that a plain normaliser is still to see.
  template <class Text>
  std::span<const uint32_t> encode_plain(Text text, const Normalizer::Plain& rules, Scratch* scratch) const {
    if (text.empty()) return {};
    Atoms atoms(*this, text.size() + 1, scratch);
    if (rules.prefix) atoms.add(rules.space);
    for_each_code_point(text, [&](char32_t c) { atoms.add(c == U' ' ? rules.space : c); });
    if (rules.suffix) atoms.add(rules.space);
    return finish(atoms, scratch);
  }
  // Whether a text may be cut between the two: no piece holds them side by side, and both are pieces, for
  // unknown characters side by side are one <unk>.
  bool separates(char32_t left, char32_t right) const {
    const uint32_t a = atom(left), b = atom(right);
    return is_known(a) && is_known(b) && encoder_.separates(a, b);
  }

 private:
  // Characters as they come.
  class Atoms {
   public:
    Atoms(const PieceEncoder& encoder, size_t most, Scratch* scratch)
        : encoder_(encoder), begin_(scratch->atoms.room(most)), end_(begin_), unknown_(scratch->unknown) {
      unknown_.clear();
    }
    void add(char32_t c) {
      const uint32_t atom = encoder_.atom(c);
      if (atom == LinearEncoder::kBarrier) unknown_.push_back(c);
      *end_++ = atom;
    }
    std::span<const uint32_t> all() const { return {begin_, end_}; }

   private:
    const PieceEncoder& encoder_;
    uint32_t *begin_, *end_;
    std::vector<char32_t>& unknown_;
  };

  PieceEncoder(LinearEncoder encoder, std::vector<uint32_t> pages, std::vector<uint32_t> atoms,
               std::vector<bool> known, uint32_t pieces, std::vector<char32_t> others)
      : encoder_(std::move(encoder)),
        pages_(std::move(pages)),
        atoms_(std::move(atoms)),
        known_(std::move(known)),
        pieces_(pieces),
        others_(std::move(others)) {}
  uint32_t atom(char32_t c) const { return atoms_[pages_[c >> 8] + (c & 0xFF)]; }
  bool is_known(uint32_t atom) const { return atom < known_.size() && known_[atom]; }
  std::span<const uint32_t> finish(const Atoms& atoms, Scratch* scratch) const;

  LinearEncoder encoder_;
  std::vector<uint32_t> pages_, atoms_;  // atoms_[pages_[c / 256] + c % 256]; a barrier: in no piece
  std::vector<bool> known_;              // of each atom: a piece, and not <unk>'s
  uint32_t pieces_;                      // symbols from here on are characters that are no piece:
  std::vector<char32_t> others_;
};

}  // namespace belle::tokenizer
