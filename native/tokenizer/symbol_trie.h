#pragma once
// SymbolTrie: the longest symbol that a sequence of atoms begins with; a double array in memory of our own
// (the one inside a sentencepiece file is double_array.h). Children that lie so far apart that the array
// would outgrow its keys are found through a hash table instead.
#include <cstdint>
#include <span>
#include <vector>

#include "native/core/random_seed.h"
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
    for (uint32_t length = 1; length < text.size(); ++length) {
      const uint32_t base = nodes_[at].base;
      uint32_t child = base + text[length];
      if (base >= kHashed) [[unlikely]] {
        if (base == kLeaf || (child = hashed_child(at, text[length])) == kNone) break;
      } else if (child >= nodes_.size() || nodes_[child].parent != at) {
        break;
      }
      at = child;
      if (nodes_[at].symbol != kNoSymbol) match = {nodes_[at].symbol, length + 1};
    }
    return match;
  }

 private:
  static constexpr uint32_t kLeaf = ~0u, kHashed = ~1u;     // in place of a base, which is far smaller
  static constexpr uint32_t kFree = ~0u, kElsewhere = ~1u;  // in place of a parent: nobody's; found otherwise
  static constexpr uint32_t kNone = ~0u;
  struct Node {
    uint32_t base = kLeaf;    // the child for atom a is node base + a
    uint32_t parent = kFree;  // the first `atoms` nodes are the children of the root
    uint32_t symbol = kNoSymbol;
  };
  struct Edge {
    uint32_t parent = kNone, atom = 0, child = kNone;
  };
  uint32_t hashed_child(uint32_t parent, uint32_t atom) const;
  size_t place_of(uint32_t parent, uint32_t atom) const;
  void add_edge(uint32_t parent, uint32_t atom, uint32_t child);

  std::vector<Node> nodes_;
  std::vector<Edge> edges_;  // of hashed nodes; open addressing, at most half full
  size_t edge_count_ = 0;
  uint64_t seed_ = random_seed();
};

}  // namespace belle::tokenizer
