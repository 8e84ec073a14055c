#include "native/tokenizer/unicode/charsmap_builder.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <unordered_map>

#include "native/core/utf8.h"

namespace belle::tokenizer {
namespace {

constexpr uint32_t kBlock = 256;          // a state's units lie in one block: offset ^ label
constexpr uint32_t kOpenBlocks = 16;      // older blocks are not searched any more
constexpr uint32_t kMaxUnits = 1u << 21;  // what an offset without extension reaches
constexpr uint32_t kLeafUnit = 0x80000000u, kHasLeaf = 1u << 8;

struct Edge {
  uint8_t label;
  uint32_t state;
  bool operator==(const Edge&) const = default;
};
struct State {
  int64_t value = -1;  // position of the replacement, -1: no key ends here
  std::vector<Edge> edges;
  bool operator==(const State&) const = default;
};
struct StateHash {
  size_t operator()(const State& state) const {
    uint64_t hash = static_cast<uint64_t>(state.value) * 0x9E3779B97F4A7C15ull;
    for (const Edge& edge : state.edges)
      hash = ((hash ^ (hash >> 31)) + edge.label + (uint64_t{edge.state} << 8)) * 0xBF58476D1CE4E5B9ull;
    return static_cast<size_t>(hash ^ (hash >> 29));
  }
};

// The smallest acyclic automaton of sorted keys (Daciuk et al. 2000, "Incremental construction of minimal
// acyclic finite-state automata"): the path of the last key stays open, what leaves it is frozen and shared.
class Automaton {
 public:
  void add(const std::string& key, uint32_t value) {
    size_t common = 0;
    while (common < last_.size() && common < key.size() && last_[common] == key[common]) ++common;
    close(common);
    path_.resize(key.size() + 1);
    path_.back().value = value;
    last_ = key;
  }
  uint32_t finish() {
    close(0);
    return freeze(std::move(path_[0]));
  }
  const std::vector<State>& states() const { return states_; }

 private:
  void close(size_t depth) {
    while (last_.size() > depth) {
      const uint32_t child = freeze(std::move(path_.back()));
      path_.pop_back();
      path_.back().edges.push_back({static_cast<uint8_t>(last_.back()), child});
      last_.pop_back();
    }
  }
  uint32_t freeze(State state) {
    const auto [found, added] = ids_.try_emplace(state, static_cast<uint32_t>(states_.size()));
    if (added) states_.push_back(std::move(state));
    return found->second;
  }

  std::string last_;
  std::vector<State> path_{State{}};
  std::vector<State> states_;
  std::unordered_map<State, uint32_t, StateHash> ids_;
};

class DoubleArray {
 public:
  // false: the units do not fit.
  bool build(const std::vector<State>& states, uint32_t root) {
    offsets_.assign(states.size(), 0);
    grow();
    taken_[0] = is_offset_[0] =
        true;  // the root's own unit; sentencepiece refuses a root that leads to itself
    std::vector<uint32_t> order{root};
    std::vector<bool> seen(states.size());
    seen[root] = true;
    for (size_t next = 0; next < order.size(); ++next) {
      const State& state = states[order[next]];
      if (!place(state, &offsets_[order[next]])) return false;
      for (const Edge& edge : state.edges)
        if (!seen[edge.state]) {
          seen[edge.state] = true;
          order.push_back(edge.state);
        }
    }
    units_[0] = link(states[root], 0, offsets_[root]);
    for (const uint32_t id : order) {
      const State& state = states[id];
      const uint32_t offset = offsets_[id];
      if (state.value >= 0) units_[offset] = kLeafUnit | static_cast<uint32_t>(state.value);
      for (const Edge& edge : state.edges) {
        const uint32_t unit = offset ^ edge.label;
        units_[unit] = link(states[edge.state], unit, offsets_[edge.state]) | edge.label;
      }
    }
    // A free unit's label leads to it only from an offset that ends in 0xFF, which no state has.
    for (uint32_t unit = 0; unit < units_.size(); ++unit)
      if (!taken_[unit]) units_[unit] = ~unit & 0xFF;
    return true;
  }
  const std::vector<uint32_t>& units() const { return units_; }

 private:
  static uint32_t link(const State& child, uint32_t unit, uint32_t offset) {
    return (unit ^ offset) << 10 | (child.value >= 0 ? kHasLeaf : 0);
  }
  void grow() {
    units_.resize(units_.size() + kBlock);
    taken_.resize(units_.size());
    is_offset_.resize(units_.size());
  }
  // Reserves units for a state at the first offset where all of them are free.
  bool place(const State& state, uint32_t* placed) {
    std::vector<uint8_t> labels;
    if (state.value >= 0) labels.push_back(0);
    for (const Edge& edge : state.edges) labels.push_back(edge.label);
    const uint32_t blocks = static_cast<uint32_t>(units_.size()) / kBlock;
    uint32_t unit = blocks > kOpenBlocks ? (blocks - kOpenBlocks) * kBlock : 0;
    for (;; ++unit) {
      if (unit == units_.size()) {
        if (units_.size() + kBlock > kMaxUnits) return false;
        grow();
      }
      if (taken_[unit]) continue;
      const uint32_t offset = unit ^ labels[0];
      if (is_offset_[offset] || (offset & 0xFF) == 0xFF) continue;
      if (std::any_of(labels.begin(), labels.end(), [&](uint8_t label) { return taken_[offset ^ label]; }))
        continue;
      for (const uint8_t label : labels) taken_[offset ^ label] = true;
      is_offset_[offset] = true;
      *placed = offset;
      return true;
    }
  }

  std::vector<uint32_t> units_, offsets_;
  std::vector<bool> taken_, is_offset_;
};

std::string to_utf8(const std::u32string& text) {
  std::string out;
  for (const char32_t c : text) append_utf8(c, &out);
  return out;
}

void append_u32(uint32_t value, std::string* out) {
  for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<char>(value >> shift & 0xFF));
}

}  // namespace

Result<std::string> build_charsmap(const std::vector<NormalizationRule>& rules) {
  if (rules.empty()) return std::string();
  std::map<std::u32string, uint32_t> positions;
  for (const auto& rule : rules) positions[rule.to] = 0;
  std::string replacements;
  for (auto& [text, position] : positions) {
    position = static_cast<uint32_t>(replacements.size());
    replacements += to_utf8(text);
    replacements.push_back('\0');
  }
  Automaton automaton;
  for (size_t i = 0; i < rules.size(); ++i) {
    const auto& rule = rules[i];
    if (rule.from.empty() || rule.from.find(U'\0') != std::u32string::npos ||
        (i > 0 && !(rules[i - 1].from < rule.from)))
      return Status(StatusCode::invalid_argument,
                    "normalization rule " + std::to_string(i) +
                        " is empty, holds U+0000 or is out of order: sort the rules and drop doubles");
    automaton.add(to_utf8(rule.from), positions[rule.to]);
  }
  const uint32_t root = automaton.finish();
  DoubleArray trie;
  if (!trie.build(automaton.states(), root))
    return Status(StatusCode::invalid_argument,
                  std::to_string(rules.size()) +
                      " normalization rules need more than 2097152 trie units: use fewer rules");
  std::string blob;
  append_u32(static_cast<uint32_t>(trie.units().size() * 4), &blob);
  for (const uint32_t unit : trie.units()) append_u32(unit, &blob);
  return blob + replacements;
}

Result<std::string> precompiled_charsmap(const std::string& rule_name) {
  if (rule_name == "identity") return std::string();
  BELLE_ASSIGN(const auto rules, normalization_rules(rule_name));
  return build_charsmap(rules);
}

}  // namespace belle::tokenizer
