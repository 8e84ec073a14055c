#include "native/tokenizer/train/piece_rules.h"

#include <algorithm>

#include "native/tokenizer/space_symbol.h"

namespace belle::tokenizer {
namespace {

constexpr char32_t kLongVowel = 0x30FC;

bool is_digit(char32_t c) { return (c >= U'0' && c <= U'9') || (c >= U'\uFF10' && c <= U'\uFF19'); }

bool never_in_a_piece(char32_t c) {
  return c == kRareSymbol || c == 0 || c == kBoundarySymbol || c == U' ' || (c >= 0xD800 && c < 0xE000) ||
         c > 0x10FFFF;
}

}  // namespace

// Kana counts as Han.
Script PieceRules::script(char32_t c) const {
  const Script script = unicode_script(c);
  return script == Script::hiragana || script == Script::katakana || c == kLongVowel ? Script::han : script;
}

bool PieceRules::valid(std::span<const char32_t> piece) const {
  const size_t size = piece.size();
  if (size == 0 || size > static_cast<size_t>(spec_.max_sentencepiece_length)) return false;
  const bool free_spaces =
      spec_.allow_whitespace_only_pieces &&
      std::all_of(piece.begin(), piece.end(), [](char32_t c) { return c == kSpaceCharacter; });
  bool any_before = true;  // nothing yet, or a digit that goes with every script
  Script before = Script::common;
  for (size_t i = 0; i < size; ++i) {
    const char32_t c = piece[i];
    if (never_in_a_piece(c)) return false;
    if (c == kSpaceCharacter) {
      if (free_spaces) continue;
      const bool first = i == 0, last = i == size - 1;
      if (spec_.treat_whitespace_as_suffix ? !last && (spec_.split_by_whitespace || first)
                                           : !first && (spec_.split_by_whitespace || last))
        return false;
      continue;
    }
    Script now = script(c);
    bool any = false;
    if (now == Script::inherited) {
      now = before;
      any = any_before;
    }
    if (is_digit(c)) {
      if (!spec_.split_by_number) any = true;
      if (spec_.split_digits && size > 1) return false;
    }
    if (spec_.split_by_unicode_script && !any && !any_before && now != before) return false;
    before = now;
    any_before = any;
  }
  return true;
}

PieceRules::Traits PieceRules::traits(char32_t c) const {
  Traits traits;
  if (never_in_a_piece(c) || (spec_.split_digits && is_digit(c))) return traits;
  traits.kind = c == kSpaceCharacter ? Traits::Kind::space : Traits::Kind::text;
  traits.script = script(c);
  traits.fixed_script = traits.script != Script::inherited && !(is_digit(c) && !spec_.split_by_number);
  return traits;
}

}  // namespace belle::tokenizer
