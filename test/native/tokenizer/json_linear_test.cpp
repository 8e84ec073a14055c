// Texts made to be slow: doubling one must not cost more than doubling the time, and 50,000 added tokens are
// sought at once.
#include <algorithm>
#include <chrono>

#include "native/core/philox.h"
#include "native/tokenizer/json/added_tokens.h"
#include "native/tokenizer/json/bpe_merger.h"
#include "native/tokenizer/json/json_tokenizer.h"
#include "native/tokenizer/json/ranked_encoder.h"
#include "native/tokenizer/json/split_rules.h"
#include "test/native/check.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string repeated(std::string_view part, size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += part;
  return out;
}

}  // namespace

// A quadratic machine needs hours for these; ten seconds leave room for a busy machine and a sanitizer.
TEST("json linear: 1 MB of one thing is cut into words at once") {
  const std::vector<std::string> parts = {
      "a",         " ",   "'", "'s",           "1",  "A",  "中", "\n", " \n", "\xCC\x81", "中A", "Aa",
      "A\xCC\x81", "\r ", ".", "\xE3\x80\x80", "'S", " '", "😀",  "\t"};
  const double took = seconds([&] {
    for (const std::string& part : parts) {
      const std::string text = repeated(part, 1 << 20);
      for (const auto rules : {SplitRules::gpt2, SplitRules::bloom, SplitRules::cl100k_base,
                               SplitRules::llama3, SplitRules::qwen2, SplitRules::o200k_base}) {
        size_t words = 0, at = 0;
        while (at < text.size()) {
          const size_t end = split_word_end(rules, text, at);
          at = end > at ? end : at + 1;
          while (at < text.size() && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) ++at;
          ++words;
        }
        CHECK(words > 0);
      }
    }
  });
  CHECK(took < 10);
}

TEST("json linear: one word of 1 MB is merged in n log n") {
  // a a -> b, b b -> c, and so on: every level merges.
  std::vector<RankedPair> pairs;
  for (uint32_t id = 0; id < 20; ++id) pairs.push_back({id, id, id + 1});
  const BpeMerger merger(pairs);
  std::vector<uint32_t> out, counts;
  CHECK(seconds([&] { merger.encode(std::vector<uint32_t>((1 << 20) + 1, 0), &out, &counts); }) < 10);
  CHECK_EQ(out.size(), size_t{2});
  CHECK(out == (std::vector<uint32_t>{20, 0}));
  CHECK(counts == (std::vector<uint32_t>{1 << 20, 1}));
}

TEST("json linear: short and long words merge alike") {
  std::vector<RankedPair> pairs;
  uint32_t state = 7;
  for (uint32_t result = 4; result < 60; ++result) {
    state = state * 1664525 + 1013904223;
    pairs.push_back({(state >> 8) % result, (state >> 20) % result, result});
  }
  const BpeMerger merger(pairs);
  for (size_t n = 0; n < 40; ++n) {
    std::vector<uint32_t> atoms, alone, among;
    for (size_t i = 0; i < n; ++i) atoms.push_back((state = state * 1664525 + 1013904223) >> 30);
    merger.encode(atoms, &alone);
    // 99 merges with nothing: the same atoms behind it are merged by the heap.
    std::vector<uint32_t> longer(50, 99);
    longer.insert(longer.end(), atoms.begin(), atoms.end());
    merger.encode(longer, &among);
    CHECK(std::vector<uint32_t>(among.begin() + 50, among.end()) == alone);
  }
}

TEST("json linear: 50,000 added tokens") {
  std::vector<AddedToken> tokens;
  std::vector<std::string> strings;
  for (int i = 0; i < 50'000; ++i) {
    AddedToken token;
    token.content = "<token " + std::to_string(i) + ">";
    strings.push_back(token.content);
    tokens.push_back(token);
  }
  // Half of a long token, over and over: a walk from every place would be quadratic.
  strings[0] = tokens[0].content = std::string(100'000, 'a') + "b";
  std::string text = std::string(1 << 20, 'a') + "<token 7><token 77><token 777>";
  std::vector<AddedTokens::Part> parts;
  CHECK(seconds([&] { AddedTokens(tokens, strings, false).split(text, &parts); }) < 10);
  CHECK_EQ(parts.size(), size_t{4});
  CHECK(parts.size() == 4 && parts[3].token == 777 && parts[0].token == -1);
}

TEST("json linear: stripped white space is looked at once") {
  std::vector<AddedToken> tokens(1);
  tokens[0].content = " ";
  tokens[0].rstrip = tokens[0].lstrip = true;
  std::vector<AddedTokens::Part> parts;
  const AddedTokens added(tokens, {" "}, false);
  CHECK(seconds([&] { added.split(std::string(1 << 20, ' '), &parts); }) < 10);
  CHECK_EQ(parts.size(), size_t{1});
}

TEST("ranked encoder: words of random byte-level vocabularies, as the merger gives them") {
  const Philox random(77, RngStream::test);
  size_t wrong = 0;
  for (uint64_t round = 0; round < 2'000; ++round) {
    uint32_t draw = 0;
    const auto below = [&](uint32_t limit) { return random.block(round, draw++)[0] % limit; };
    // Every merge makes an id of its own of two that exist; equal strings stand under several ids.
    const uint32_t letters = 2 + below(3), merges = 1 + below(24);
    std::vector<RankedPair> pairs;
    for (uint32_t i = 0; i < merges; ++i) {
      const uint32_t ids = letters + i;
      const RankedPair pair{below(ids), below(ids), ids};
      const bool known = std::any_of(pairs.begin(), pairs.end(), [&](const RankedPair& p) {
        return p.left == pair.left && p.right == pair.right;
      });
      if (known) break;
      pairs.push_back(pair);
    }
    // Ranks in any order: what is made of parts may go before them.
    std::vector<uint32_t> ranks(pairs.size());
    for (uint32_t i = 0; i < ranks.size(); ++i) ranks[i] = i;
    if (below(2))
      for (uint32_t i = 0; i < ranks.size(); ++i)
        std::swap(ranks[i], ranks[below(static_cast<uint32_t>(ranks.size()))]);
    const RankedEncoder linear(letters + merges, pairs, ranks);
    const BpeMerger merger(pairs, ranks);
    RankedEncoder::Scratch scratch;
    for (int text = 0; text < 20; ++text) {
      std::vector<uint32_t> atoms, got, expected, got_counts, expected_counts;
      for (uint32_t length = 1 + below(24); length > 0; --length) atoms.push_back(below(letters));
      linear.encode(atoms, &scratch, &got, &got_counts);
      merger.encode(atoms, &expected, &expected_counts);
      wrong += got != expected || got_counts != expected_counts;
    }
  }
  CHECK_EQ(wrong, size_t{0});
}
