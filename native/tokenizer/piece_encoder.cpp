#include "native/tokenizer/piece_encoder.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace belle::tokenizer {
namespace {

constexpr uint32_t kPages = 0x110000 / 256;
// Of pieces as people train them there are two rules a piece, and a piece is read twice a character.
constexpr size_t kRulesPerPiece = 16, kReadsPerByte = 512, kSmallModel = 1 << 16;

// Characters get their atoms in the order they are added.
class AtomTable {
 public:
  AtomTable() : pages(kPages, 0), atoms(256, LinearEncoder::kBarrier) {}
  uint32_t add(char32_t c) {
    if (pages[c >> 8] == 0) {
      pages[c >> 8] = static_cast<uint32_t>(atoms.size());
      atoms.resize(atoms.size() + 256, LinearEncoder::kBarrier);
    }
    uint32_t& atom = atoms[pages[c >> 8] + (c & 0xFF)];
    if (atom == LinearEncoder::kBarrier) {
      atom = static_cast<uint32_t>(characters.size());
      characters.push_back(c);
    }
    return atom;
  }
  std::vector<uint32_t> pages, atoms;  // the page at 0 is of barriers only
  std::vector<char32_t> characters;    // of each atom
};

bool is_character(std::string_view text) { return utf8_announced_length(text[0]) == text.size(); }

}  // namespace

std::optional<PieceEncoder> PieceEncoder::create(const std::vector<Piece>& pieces, const PieceTable& table) {
  if (table.any_unused()) return std::nullopt;
  AtomTable atoms;
  // What joins comes first, see Spelling.
  for (const bool alone : {false, true})
    for (size_t id = 0; id < pieces.size(); ++id) {
      const std::string_view text = pieces[id].piece;
      if (is_character(text) == alone && (alone || table.mergeable(static_cast<int32_t>(id))))
        for_each_code_point(text, [&](char32_t c) { atoms.add(c); });
    }
  // The spelling of every piece that text can give.
  Spelling spelling;
  spelling.atom_count = static_cast<uint32_t>(atoms.characters.size());
  std::vector<uint32_t> spelt;
  for (size_t id = 0; id < pieces.size(); ++id) {
    const std::string_view text = pieces[id].piece;
    spelt.clear();
    if (table.mergeable(static_cast<int32_t>(id)) || is_character(text))
      for_each_code_point(text, [&](char32_t c) { spelt.push_back(atoms.add(c)); });
    spelling.add(spelt);
  }
  // A character that is no piece is a symbol all the same: it may be part of one.
  std::vector<uint32_t> symbol_of_atom;
  std::vector<bool> known;
  std::vector<std::string> character_text(spelling.atom_count);
  std::vector<char32_t> others;
  for (uint32_t atom = 0; atom < spelling.atom_count; ++atom) {
    append_utf8(static_cast<uint32_t>(atoms.characters[atom]), &character_text[atom]);
    const int32_t id = table.find(character_text[atom]);
    symbol_of_atom.push_back(id >= 0 ? static_cast<uint32_t>(id) : spelling.symbols());
    known.push_back(id >= 0 && pieces[static_cast<size_t>(id)].type != PieceType::unknown);
    if (id >= 0) continue;
    spelling.add({&atom, 1});
    others.push_back(atoms.characters[atom]);
  }

  std::vector<MergeRule> rules;
  size_t bytes = 0;
  for (const Piece& piece : pieces) bytes += piece.piece.size();
  size_t reads = bytes * kReadsPerByte + kSmallModel;
  const size_t most_rules = pieces.size() * kRulesPerPiece + kSmallModel;
  // Every way to put a piece together from two symbols.
  for (size_t id = 0; id < pieces.size(); ++id) {
    const std::string_view text = pieces[id].piece;
    const auto own = spelling.of(static_cast<uint32_t>(id));
    if (own.size() < 2) continue;
    const auto symbol = [&](std::string_view part, size_t first, size_t count) {
      if (count == 1) return symbol_of_atom[own[first]];
      reads -= std::min(reads, part.size());
      const int32_t found = table.find(part);
      return found >= 0 && table.mergeable(found) ? static_cast<uint32_t>(found) : kNoSymbol;
    };
    size_t at = 0;
    for (size_t cut = 1; cut < own.size(); ++cut) {
      at += character_text[own[cut - 1]].size();
      const uint32_t left = symbol(text.substr(0, at), 0, cut);
      if (left == kNoSymbol) continue;
      const uint32_t right = symbol(text.substr(at), cut, own.size() - cut);
      if (right == kNoSymbol) continue;
      rules.push_back({left, right, static_cast<uint32_t>(id), table.priority(static_cast<int32_t>(id))});
    }
    if (reads == 0 || rules.size() > most_rules) return std::nullopt;
  }
  return PieceEncoder(LinearEncoder(spelling, rules), std::move(atoms.pages), std::move(atoms.atoms),
                      std::move(known), static_cast<uint32_t>(pieces.size()), std::move(others));
}

std::span<const uint32_t> PieceEncoder::encode(std::span<const char32_t> normalized, Scratch* scratch) const {
  Atoms atoms(*this, normalized.size(), scratch);
  for (const char32_t c : normalized) atoms.add(c);
  return finish(atoms, scratch);
}

std::span<const uint32_t> PieceEncoder::finish(const Atoms& atoms, Scratch* scratch) const {
  uint32_t* const symbols = scratch->symbols.room(atoms.all().size());
  const size_t count = encoder_.encode(atoms.all(), &scratch->linear, symbols);
  // Characters that are in no piece, or are none themselves.
  if (!scratch->unknown.empty() || !others_.empty()) {
    size_t unknown = 0;
    for (size_t i = 0; i < count; ++i) {
      if (symbols[i] < pieces_) continue;
      symbols[i] =
          kCharacter + static_cast<uint32_t>(symbols[i] == kNoSymbol ? scratch->unknown[unknown++]
                                                                     : others_[symbols[i] - pieces_]);
    }
  }
  return {symbols, count};
}

}  // namespace belle::tokenizer
