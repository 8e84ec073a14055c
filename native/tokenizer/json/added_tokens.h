#pragma once
// Added tokens in a text, found as Hugging Face tokenizers 0.23.2 finds them.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/random_seed.h"
#include "native/tokenizer/json/tokenizer_json.h"

namespace belle::tokenizer {

// Occurrences of many strings, leftmost first, of those the longest, without overlap: an Aho-Corasick
// automaton of the reversed strings tells in one backward pass which is the longest string that begins at
// each byte. Time is linear.
class StringMatcher {
 public:
  static constexpr size_t kMaxBytes = 1u << 24;  // an edge's key has 24 bits for its node
  struct Match {
    size_t begin, end;
    uint32_t string;  // index in the list the matcher was made of; of equal strings the first
  };
  StringMatcher() = default;
  explicit StringMatcher(const std::vector<std::string>& strings);  // none empty, below kMaxBytes in all
  bool empty() const { return lengths_.empty(); }
  void find(std::string_view text, std::vector<Match>* out) const;

 private:
  struct Edge {
    uint32_t key = ~0u;  // node * 256 + byte
    uint32_t child = 0;
  };
  struct Node {
    uint32_t fail = 0;
    uint32_t string = ~0u;  // the longest that ends here, ~0 none
  };
  uint32_t child(uint32_t node, uint8_t byte) const;  // 0 when there is none
  uint32_t step(uint32_t node, uint8_t byte) const;
  Edge* edge(uint32_t key);
  size_t place(uint32_t key) const;  // the slot of the key, or the free one for it

  uint64_t seed_ = random_seed();
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;  // open addressing, at most half full
  std::vector<uint32_t> lengths_;
  bool first_[256] = {};  // bytes some string begins with
};

class AddedTokens {
 public:
  struct Part {
    size_t begin, end;  // bytes of the text
    int32_t token;      // index in the list of tokens, -1: text between
  };
  AddedTokens() = default;
  // Those of `tokens` with normalized == `normalized`; strings[i] is what is sought for tokens[i].
  AddedTokens(const std::vector<AddedToken>& tokens, const std::vector<std::string>& strings,
              bool normalized);
  bool empty() const { return matcher_.empty(); }
  // The parts in order; `text` is valid UTF-8. As in Hugging Face, a token that strips the white space behind
  // it can overlap one that begins in it.
  void split(std::string_view text, std::vector<Part>* out) const;

 private:
  struct Flags {
    int32_t token;
    bool lstrip, rstrip, single_word;
  };
  StringMatcher matcher_;
  std::vector<Flags> flags_;
};

}  // namespace belle::tokenizer
