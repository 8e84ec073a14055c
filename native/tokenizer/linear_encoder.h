#pragma once
// LinearEncoder: byte pair encoding in time linear in the text, the same symbols as joining the best pair
// again and again (RuleMerger).
//
// A cut of a text into symbols is what merging gives if and only if every two neighbours are: merging the
// text of the two alone gives just these two. (Merges inside a stretch that nothing crosses happen in the
// order they would happen in alone, for the order of two pairs depends on their rules and on which is further
// left, and on nothing else.) So the text is walked from the left: the longest symbol whose neighbour on the
// left suits it; where there is none, the last symbol is taken back for a shorter one. A place that was left
// once leads nowhere and is not tried again. After hneidereit, github/rust-gems crates/bpe (2024).
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "native/tokenizer/merge_table.h"
#include "native/tokenizer/symbol_trie.h"

namespace belle::tokenizer {

// What each symbol is spelt with. Atoms are numbered from 0 on; begins has one entry more than there are
// symbols. A symbol spelt with one atom is that atom's; a symbol without atoms does not occur. Atoms that no
// symbol holds beside another are best numbered last: they are passed over quickly.
struct Spelling {
  uint32_t atom_count = 0;
  std::vector<uint32_t> atoms, begins{0};
  void add(std::span<const uint32_t> spelt) {
    atoms.insert(atoms.end(), spelt.begin(), spelt.end());
    begins.push_back(static_cast<uint32_t>(atoms.size()));
  }
  uint32_t symbols() const { return static_cast<uint32_t>(begins.size() - 1); }
  std::span<const uint32_t> of(uint32_t symbol) const {
    return std::span(atoms).subspan(begins[symbol], begins[symbol + 1] - begins[symbol]);
  }
};

class LinearEncoder {
 public:
  static constexpr uint32_t kBarrier = ~0u;  // an atom that nothing joins

  // Space to work in, one a thread.
  struct Scratch {
    std::vector<uint64_t> left;  // a bit an atom: a symbol that ended here was taken back
  };

  LinearEncoder(const Spelling& spelling, std::span<const MergeRule> rules);
  LinearEncoder(LinearEncoder&&) noexcept;
  LinearEncoder& operator=(LinearEncoder&&) noexcept;
  ~LinearEncoder();

  // Writes the symbols of the atoms, kNoSymbol for a barrier; there must be room for one an atom. Returns
  // their number.
  size_t encode(std::span<const uint32_t> atoms, Scratch* scratch, uint32_t* symbols) const;
  // A symbol's length in atoms.
  uint32_t length(uint32_t symbol) const { return symbols_[symbol].length; }
  // True only when no symbol holds the two atoms side by side.
  bool separates(uint32_t left, uint32_t right) const {
    return !joins(left) || !joins(right) || !may_touch(left, right);
  }

 private:
  static constexpr uint32_t kAtomPriority = ~0u;
  struct Symbol {
    uint32_t priority = kAtomPriority;  // of its last merge
    uint32_t left = kNoSymbol, right = kNoSymbol;
    uint32_t shorter = kNoSymbol;  // the longest live symbol that it begins with
    uint32_t length = 0;
    bool live = false;
    bool ordered = true;  // its merges fall in priority
  };
  class Answers;

  bool suits(uint32_t left, uint32_t right, std::span<const uint32_t> atoms) const;
  bool merging_keeps(uint32_t left, uint32_t right, std::span<const uint32_t> atoms) const;
  // Whether some symbol of several atoms holds it.
  bool joins(uint32_t atom) const { return atom < joining_; }
  bool may_touch(uint32_t left_atom, uint32_t right_atom) const {
    const uint64_t bit = touch_bit(left_atom, right_atom);
    return touching_[bit >> 6] >> (bit & 63) & 1;
  }
  uint64_t touch_bit(uint32_t left_atom, uint32_t right_atom) const {
    const uint64_t key = (uint64_t{left_atom} << 32 | right_atom) * 0xD6E8FEB86659FD93ull;
    return key >> touch_shift_;
  }
  void learn_symbols(const Spelling& spelling, std::span<const MergeRule> rules);
  void learn_touching(const Spelling& spelling);
  uint32_t* encode_run(std::span<const uint32_t> atoms, uint64_t* left, uint32_t* symbols) const;

  std::vector<Symbol> symbols_;
  std::vector<uint32_t> symbol_of_atom_;
  MergeTable table_;
  SymbolTrie trie_;
  std::vector<uint64_t> touching_;  // a bit per hash of two atoms that stand side by side in some symbol
  int touch_shift_ = 58;
  uint32_t joining_ = 0;  // atoms from here on are symbols alone only
  std::unique_ptr<Answers> answers_;
};

}  // namespace belle::tokenizer
