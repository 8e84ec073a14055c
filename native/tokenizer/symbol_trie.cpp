#include "native/tokenizer/symbol_trie.h"

#include <algorithm>

namespace belle::tokenizer {
namespace {

// Keys [first, last) share their first `depth` atoms, which lead to `node`.
struct Pending {
  size_t first, last;
  uint32_t depth, node;
};

struct Child {
  uint32_t atom;
  size_t first, last;
};

constexpr int kTries = 48;
constexpr size_t kNodesPerAtom = 3, kSmallTrie = 1 << 16;
constexpr uint32_t kEnd = ~0u;

// Nodes nobody took yet, in ascending order, so that the holes among children of others are filled.
class FreeList {
 public:
  explicit FreeList(uint32_t first_node) : first_node_(first_node) {}
  uint32_t first() const { return first_; }
  uint32_t after(uint32_t node) const { return links_[node - first_node_].next; }
  void append(uint32_t node) {
    links_.push_back({last_, kEnd});
    (last_ == kEnd ? first_ : links_[last_ - first_node_].next) = node;
    last_ = node;
  }
  void remove(uint32_t node) {
    const Link link = links_[node - first_node_];
    (link.previous == kEnd ? first_ : links_[link.previous - first_node_].next) = link.next;
    (link.next == kEnd ? last_ : links_[link.next - first_node_].previous) = link.previous;
  }

 private:
  struct Link {
    uint32_t previous, next;
  };
  uint32_t first_node_, first_ = kEnd, last_ = kEnd;
  std::vector<Link> links_;
};

}  // namespace

SymbolTrie::SymbolTrie(uint32_t atoms, std::vector<Key> keys) : nodes_(atoms) {
  std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
    return std::lexicographical_compare(a.atoms.begin(), a.atoms.end(), b.atoms.begin(), b.atoms.end());
  });
  for (Node& node : nodes_) node.parent = kElsewhere;
  FreeList holes(atoms);
  const auto grow_to = [&](size_t size) {
    while (nodes_.size() < size) {
      holes.append(static_cast<uint32_t>(nodes_.size()));
      nodes_.emplace_back();
    }
  };

  // Trained vocabularies take less than two nodes an atom.
  size_t most_nodes = kSmallTrie + kNodesPerAtom * nodes_.size();
  for (const Key& key : keys) most_nodes += kNodesPerAtom * key.atoms.size();

  std::vector<Pending> pending;
  std::vector<Child> children;
  const auto split = [&](const Pending& range) {
    children.clear();
    for (size_t i = range.first; i < range.last; ++i) {
      const uint32_t atom = keys[i].atoms[range.depth];
      if (children.empty() || children.back().atom != atom) children.push_back({atom, i, i});
      children.back().last = i + 1;
    }
  };
  const auto enter = [&](const Child& child, uint32_t depth, uint32_t node) {
    size_t first = child.first;
    if (keys[first].atoms.size() == depth) nodes_[node].symbol = keys[first++].symbol;
    if (first < child.last) pending.push_back({first, child.last, depth, node});
  };
  split({0, keys.size(), 0, kElsewhere});
  for (const Child& child : children) enter(child, 1, child.atom);

  while (!pending.empty()) {
    const Pending range = pending.back();
    pending.pop_back();
    split(range);
    const uint32_t lowest = children.front().atom, width = children.back().atom - lowest;
    // The first of a few holes that takes all children; else past the end.
    auto place = static_cast<uint32_t>(nodes_.size());
    uint32_t hole = holes.first();
    for (int tries = 0; hole != kFree && tries < kTries; ++tries, hole = holes.after(hole)) {
      const bool fits = std::all_of(children.begin(), children.end(), [&](const Child& child) {
        const size_t at = size_t{hole} + (child.atom - lowest);
        return at >= nodes_.size() || nodes_[at].parent == kFree;
      });
      if (!fits) continue;
      place = hole;
      break;
    }
    if (size_t{place} + width >= most_nodes) {
      nodes_[range.node].base = kHashed;
      for (const Child& child : children) {
        if (holes.first() == kFree) grow_to(nodes_.size() + 1);
        const uint32_t node = holes.first();
        holes.remove(node);
        nodes_[node].parent = kElsewhere;
        add_edge(range.node, child.atom, node);
        enter(child, range.depth + 1, node);
      }
      continue;
    }
    grow_to(size_t{place} + width + 1);
    nodes_[range.node].base = place - lowest;
    for (const Child& child : children) {
      const uint32_t node = place + (child.atom - lowest);
      nodes_[node].parent = range.node;
      holes.remove(node);
    }
    for (const Child& child : children) enter(child, range.depth + 1, place + (child.atom - lowest));
  }
  nodes_.shrink_to_fit();
}

size_t SymbolTrie::place_of(uint32_t parent, uint32_t atom) const {
  size_t at = mixed(uint64_t{parent} << 32 | atom, seed_) & (edges_.size() - 1);
  while (edges_[at].parent != kNone && (edges_[at].parent != parent || edges_[at].atom != atom))
    at = (at + 1) & (edges_.size() - 1);
  return at;
}

uint32_t SymbolTrie::hashed_child(uint32_t parent, uint32_t atom) const {
  return edges_[place_of(parent, atom)].child;
}

void SymbolTrie::add_edge(uint32_t parent, uint32_t atom, uint32_t child) {
  if (2 * ++edge_count_ > edges_.size()) {
    std::vector<Edge> old(std::max<size_t>(1024, 2 * edges_.size()));
    old.swap(edges_);
    for (const Edge& edge : old)
      if (edge.parent != kNone) edges_[place_of(edge.parent, edge.atom)] = edge;
  }
  edges_[place_of(parent, atom)] = {parent, atom, child};
}

}  // namespace belle::tokenizer
