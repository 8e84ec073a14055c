#include "native/tokenizer/json/added_tokens.h"

#include <algorithm>

#include "native/core/utf8.h"
#include "native/tokenizer/unicode/character_class.h"

namespace belle::tokenizer {
namespace {

bool is_space(uint32_t c) { return CharacterClasses::get().of(c) == CharacterClass::space; }

// The character that ends at `end` > 0.
Utf8Char character_before(std::string_view text, size_t end) {
  size_t begin = end - 1;
  while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
  return decode_utf8(text.substr(begin));
}

size_t spaces_begin(std::string_view text, size_t end, size_t floor) {
  while (end > floor) {
    const Utf8Char c = character_before(text, end);
    if (!is_space(c.code_point)) break;
    end -= c.length;
  }
  return std::max(end, floor);
}

size_t spaces_end(std::string_view text, size_t at) {
  while (at < text.size()) {
    const Utf8Char c = decode_utf8(text.substr(at));
    if (!is_space(c.code_point)) break;
    at += c.length;
  }
  return at;
}

}  // namespace

size_t StringMatcher::place(uint32_t key) const {
  size_t at = mixed(key, seed_) & (edges_.size() - 1);
  while (edges_[at].key != ~0u && edges_[at].key != key) at = (at + 1) & (edges_.size() - 1);
  return at;
}

StringMatcher::Edge* StringMatcher::edge(uint32_t key) { return &edges_[place(key)]; }

uint32_t StringMatcher::child(uint32_t node, uint8_t byte) const {
  const uint32_t key = node << 8 | byte;
  const Edge& edge = edges_[place(key)];
  return edge.key == key ? edge.child : 0;
}

uint32_t StringMatcher::step(uint32_t node, uint8_t byte) const {
  for (;; node = nodes_[node].fail) {
    if (const uint32_t next = child(node, byte)) return next;
    if (node == 0) return 0;
  }
}

StringMatcher::StringMatcher(const std::vector<std::string>& strings) {
  if (strings.empty()) return;
  size_t bytes = 0;
  for (const std::string& string : strings) bytes += string.size();
  size_t slots = 2;
  while (slots < 2 * bytes + 2) slots *= 2;
  edges_.resize(slots);
  nodes_.reserve(bytes + 1);
  nodes_.resize(1);
  struct Origin {
    uint32_t parent, depth;
    uint8_t byte;
  };
  std::vector<Origin> origins;
  origins.reserve(bytes + 1);
  origins.push_back({0, 0, 0});
  for (uint32_t i = 0; i < strings.size(); ++i) {
    lengths_.push_back(static_cast<uint32_t>(strings[i].size()));
    first_[static_cast<uint8_t>(strings[i].front())] = true;
    uint32_t node = 0;
    for (size_t at = strings[i].size(); at-- > 0;) {
      const auto byte = static_cast<uint8_t>(strings[i][at]);
      Edge* found = edge(node << 8 | byte);
      if (found->key == ~0u) {
        *found = {node << 8 | byte, static_cast<uint32_t>(nodes_.size())};
        origins.push_back({node, origins[node].depth + 1, byte});
        nodes_.emplace_back();
      }
      node = found->child;
    }
    if (nodes_[node].string == ~0u) nodes_[node].string = i;
  }
  // Nodes by depth, so that a node's fail is known before its children's.
  std::vector<uint32_t> order(nodes_.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return origins[a].depth < origins[b].depth; });
  for (const uint32_t node : order) {
    if (node == 0) continue;
    const Origin& origin = origins[node];
    nodes_[node].fail = origin.parent == 0 ? 0 : step(nodes_[origin.parent].fail, origin.byte);
    if (nodes_[node].string == ~0u) nodes_[node].string = nodes_[nodes_[node].fail].string;
  }
}

void StringMatcher::find(std::string_view text, std::vector<Match>* out) const {
  if (empty()) return;
  const auto starts = [&](char byte) { return first_[static_cast<uint8_t>(byte)]; };
  const auto begin = static_cast<size_t>(std::find_if(text.begin(), text.end(), starts) - text.begin());
  if (begin == text.size()) return;
  // longest[i]: the longest string that begins at begin + i.
  std::vector<uint32_t> longest(text.size() - begin);
  uint32_t node = 0;
  for (size_t at = text.size(); at-- > begin;) {
    node = step(node, static_cast<uint8_t>(text[at]));
    longest[at - begin] = nodes_[node].string;
  }
  for (size_t at = begin; at < text.size();) {
    const uint32_t string = longest[at - begin];
    if (string == ~0u) {
      ++at;
      continue;
    }
    out->push_back({at, at + lengths_[string], string});
    at += lengths_[string];
  }
}

AddedTokens::AddedTokens(const std::vector<AddedToken>& tokens, const std::vector<std::string>& strings,
                         bool normalized) {
  std::vector<std::string> sought;
  // Special tokens come first: of tokens that normalise to the same string they win.
  for (const bool special : {true, false}) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i].normalized != normalized || tokens[i].special != special) continue;
      sought.push_back(strings[i]);
      flags_.push_back({static_cast<int32_t>(i), tokens[i].lstrip, tokens[i].rstrip, tokens[i].single_word});
    }
  }
  matcher_ = StringMatcher(sought);
}

void AddedTokens::split(std::string_view text, std::vector<Part>* out) const {
  std::vector<StringMatcher::Match> matches;
  matcher_.find(text, &matches);
  size_t done = 0, run_begin = 0, run_end = 0;  // the run of white space looked at last
  for (const StringMatcher::Match& match : matches) {
    const Flags& flags = flags_[match.string];
    size_t begin = match.begin, end = match.end;
    if (flags.single_word) {
      if (begin > 0 && is_word_character(character_before(text, begin).code_point)) continue;
      if (end < text.size() && is_word_character(decode_utf8(text.substr(end)).code_point)) continue;
    }
    if (flags.lstrip) begin = std::max(spaces_begin(text, begin, std::min(done, begin)), done);
    if (flags.rstrip) {
      if (end < run_begin || end >= run_end) {
        run_begin = end;
        run_end = spaces_end(text, end);
      }
      end = std::max(end, run_end);
    }
    if (done < begin) out->push_back({done, begin, -1});
    if (begin < end) out->push_back({begin, end, flags.token});  // else others took all of it: it is lost
    done = end;
  }
  if (done != text.size()) out->push_back({done, text.size(), -1});
}

}  // namespace belle::tokenizer
