#pragma once
// SymbolTrie: the longest symbol that a sequence of atoms begins with; a double array in memory of our own
// (the one inside a sentencepiece file is double_array.h).
#include <cstdint>
#include <span>
#include <vector>

#include "native/tokenizer/merge_table.h"

namespace belle::tokenizer {

class SymbolTrie {
 public:
  struct Key {
    std::span<const uint32_t> atoms;  // atoms are 0 .. count - 1; not empty
    uint32_t symbol;
  };
  struct Match {
    uint32_t symbol = kNoSymbol;
    uint32_t length = 0;  // in atoms; 0: no key begins the text
  };

  SymbolTrie() = default;
  // Keys are distinct. Time and memory linear in their atoms.
  SymbolTrie(uint32_t atoms, std::vector<Key> keys);

  // The longest key at the start of text, which is not empty.
  Match longest(std::span<const uint32_t> text) const {
    uint32_t at = text[0];
    Match match{nodes_[at].symbol, nodes_[at].symbol == kNoSymbol ? 0u : 1u};
    for (uint32_t length = 1; length < text.size() && nodes_[at].base != kLeaf; ++length) {
      const uint32_t child = nodes_[at].base + text[length];  // may wrap: then it is out of range or not ours
      if (child >= nodes_.size() || nodes_[child].parent != at) break;
      at = child;
      if (nodes_[at].symbol != kNoSymbol) match = {nodes_[at].symbol, length + 1};
    }
    return match;
  }

 private:
  static constexpr uint32_t kLeaf = ~0u, kFree = ~0u, kRoot = ~1u;
  struct Node {
    uint32_t base = kLeaf;    // the child for atom a is node base + a
    uint32_t parent = kFree;  // the first `atoms` nodes are the children of the root
    uint32_t symbol = kNoSymbol;
  };
  std::vector<Node> nodes_;
};

}  // namespace belle::tokenizer
