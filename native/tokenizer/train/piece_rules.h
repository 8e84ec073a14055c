#pragma once
// PieceRules: which strings may become a piece (sentencepiece src/trainer_interface.cc:
// IsValidSentencePiece), and where a text can be cut because no piece reaches across.
#include <cstdint>
#include <span>

#include "native/tokenizer/sentencepiece_model.h"
#include "native/tokenizer/unicode/unicode_script.h"

namespace belle::tokenizer {

constexpr char32_t kRareSymbol = 0x2585;      // stands for every character outside the alphabet
constexpr char32_t kBoundarySymbol = 0x0009;  // what a meta piece in the text becomes

class PieceRules {
 public:
  explicit PieceRules(const TrainerSpec& spec) : spec_(spec) {}

  bool valid(std::span<const char32_t> piece) const;

  // What separates() needs to know of a character.
  struct Traits {
    enum class Kind : uint8_t { text, space, alone } kind = Kind::alone;
    bool fixed_script = false;  // false: takes any neighbour's script
    Script script = Script::common;
  };
  Traits traits(char32_t c) const;
  // True when no valid piece has a character like `a` directly before one like `b`. False says nothing.
  bool separates(Traits a, Traits b) const {
    using Kind = Traits::Kind;
    if (a.kind == Kind::alone || b.kind == Kind::alone) return true;
    if (a.kind == Kind::text && b.kind == Kind::text)
      return spec_.split_by_unicode_script && a.fixed_script && b.fixed_script && a.script != b.script;
    if (!spec_.split_by_whitespace) return false;
    if (a.kind == Kind::space && b.kind == Kind::space) return !spec_.allow_whitespace_only_pieces;
    return spec_.treat_whitespace_as_suffix ? a.kind == Kind::space : b.kind == Kind::space;
  }

 private:
  Script script(char32_t c) const;
  TrainerSpec spec_;
};

}  // namespace belle::tokenizer
