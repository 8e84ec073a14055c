#include "native/tokenizer/piece_encoder.h"

#include <algorithm>
#include <string_view>

#include "native/core/utf8.h"

namespace belle::tokenizer {
namespace {

constexpr uint32_t kPages = 0x110000 / 256;
// Of pieces as people train them there are two rules a piece, and a piece is read twice a character.
constexpr size_t kRulesPerPiece = 16, kReadsPerByte = 512, kSmallModel = 1 << 16;

// Characters get their atoms in the order they turn up.
class AtomTable {
 public:
  AtomTable() : pages(kPages, 0), atoms(256, LinearEncoder::kBarrier) {}
  uint32_t add(char32_t c) {
    if (pages[c >> 8] == 0) {
      pages[c >> 8] = static_cast<uint32_t>(atoms.size());
      atoms.resize(atoms.size() + 256, LinearEncoder::kBarrier);
    }
    uint32_t& atom = atoms[pages[c >> 8] + (c & 0xFF)];
    if (atom == LinearEncoder::kBarrier) atom = count++;
    return atom;
  }
  std::vector<uint32_t> pages, atoms;  // the page at 0 is of barriers only
  uint32_t count = 0;
};

}  // namespace

std::optional<PieceEncoder> PieceEncoder::create(const std::vector<Piece>& pieces, const PieceTable& table) {
  if (table.any_unused()) return std::nullopt;
  AtomTable characters;
  Spelling spelling;
  std::vector<uint32_t> symbol_of_atom, spelt, ends;
  std::vector<std::string_view> character_text;
  std::vector<MergeRule> rules;
  size_t bytes = 0;
  for (const Piece& piece : pieces) bytes += piece.piece.size();
  size_t reads = bytes * kReadsPerByte + kSmallModel;
  const size_t most_rules = pieces.size() * kRulesPerPiece + kSmallModel;

  // The spelling of every piece that text can give.
  for (size_t id = 0; id < pieces.size(); ++id) {
    const std::string_view text = pieces[id].piece;
    const bool merges = table.mergeable(static_cast<int32_t>(id));
    spelt.clear();
    if (merges || utf8_announced_length(text[0]) == text.size())
      for (size_t at = 0; at < text.size();) {
        const Utf8Char c = decode_utf8(text.substr(at));
        spelt.push_back(characters.add(c.code_point));
        if (spelt.back() == character_text.size()) character_text.push_back(text.substr(at, c.length));
        at += c.length;
      }
    spelling.add(spelt);
  }
  // A character that is no piece is a symbol all the same: it may be part of one.
  for (uint32_t atom = 0; atom < characters.count; ++atom) {
    const int32_t id = table.find(character_text[atom]);
    symbol_of_atom.push_back(id >= 0 ? static_cast<uint32_t>(id) : spelling.symbols());
    if (id < 0) spelling.add({&atom, 1});
  }
  spelling.atom_count = characters.count;

  // Every way to put a piece together from two symbols.
  for (size_t id = 0; id < pieces.size(); ++id) {
    const std::string_view text = pieces[id].piece;
    const auto atoms = spelling.of(static_cast<uint32_t>(id));
    if (atoms.size() < 2) continue;
    const auto symbol = [&](std::string_view part, size_t first, size_t count) {
      if (count == 1) return symbol_of_atom[atoms[first]];
      reads -= std::min(reads, part.size());
      const int32_t found = table.find(part);
      return found >= 0 && table.mergeable(found) ? static_cast<uint32_t>(found) : kNoSymbol;
    };
    size_t at = 0;
    for (size_t cut = 1; cut < atoms.size(); ++cut) {
      at += character_text[atoms[cut - 1]].size();
      const uint32_t left = symbol(text.substr(0, at), 0, cut);
      if (left == kNoSymbol) continue;
      const uint32_t right = symbol(text.substr(at), cut, atoms.size() - cut);
      if (right == kNoSymbol) continue;
      rules.push_back({left, right, static_cast<uint32_t>(id), table.priority(static_cast<int32_t>(id))});
    }
    if (reads == 0 || rules.size() > most_rules) return std::nullopt;
  }
  return PieceEncoder(LinearEncoder(spelling, rules), std::move(characters.pages), std::move(characters.atoms),
                      static_cast<uint32_t>(pieces.size()));
}

void PieceEncoder::encode(std::span<const char32_t> normalized, Scratch* scratch, std::vector<int32_t>* ids,
                          std::vector<uint32_t>* lengths) const {
  std::vector<uint32_t>& atoms = scratch->atoms;
  std::vector<uint32_t>& symbols = scratch->symbols;
  atoms.resize(normalized.size());
  for (size_t i = 0; i < normalized.size(); ++i) atoms[i] = atom(normalized[i]);
  symbols.clear();
  encoder_.encode(atoms, &scratch->linear, &symbols);
  for (const uint32_t symbol : symbols) {
    ids->push_back(symbol < pieces_ ? static_cast<int32_t>(symbol) : -1);
    if (lengths) lengths->push_back(symbol == kNoSymbol ? 1 : encoder_.length(symbol));
  }
}

}  // namespace belle::tokenizer
