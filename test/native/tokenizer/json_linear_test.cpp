// Texts made to be slow: doubling one must not cost more than doubling the time, and 50,000 added tokens are
// sought at once.
#include <algorithm>
#include <chrono>

#include "native/core/philox.h"
#include "native/tokenizer/json/added_tokens.h"
#include "native/tokenizer/json/json_tokenizer.h"
#include "native/tokenizer/json/split_rules.h"
#include "native/tokenizer/ranked_encoder.h"
#include "native/tokenizer/rule_merger.h"
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

TEST("json linear: one word of a million atoms, pieces that long too") {
  // a a -> b, b b -> c, and so on: every level merges.
  std::vector<RankedPair> pairs;
  for (uint32_t id = 0; id < 20; ++id) pairs.push_back({id, id, id + 1});
  std::vector<uint32_t> out, counts;
  CHECK(seconds([&] {
          RankedEncoder::Scratch scratch;
          RankedEncoder(21, pairs).encode(std::vector<uint32_t>((1 << 20) + 1, 0), &scratch, &out, &counts);
        }) < 10);
  CHECK(out == (std::vector<uint32_t>{20, 0}));
  CHECK(counts == (std::vector<uint32_t>{1 << 20, 1}));
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

// Words of random vocabularies by the plain way: the pairs as rules, joined best first.
TEST("ranked encoder: gives what joining the lowest rank again and again gives") {
  const Philox random(77, RngStream::test);
  size_t wrong = 0;
  for (uint64_t round = 0; round < 3'000; ++round) {
    uint32_t draw = 0;
    const auto below = [&](size_t limit) {
      return static_cast<size_t>(random.block(round, draw++)[0] % limit);
    };
    const size_t letters = 2 + below(3);
    std::vector<std::string> texts;
    for (size_t i = 0; i < letters; ++i) texts.emplace_back(1, static_cast<char>('a' + i));
    std::vector<RankedPair> pairs;
    for (size_t merges = 1 + below(24); merges > 0; --merges) {
      const size_t left = below(texts.size()), right = below(texts.size());
      const std::string whole = texts[left] + texts[right];
      if (whole.size() > 12) continue;
      const size_t result = static_cast<size_t>(std::find(texts.begin(), texts.end(), whole) - texts.begin());
      if (result == texts.size()) texts.push_back(whole);
      pairs.push_back(
          {static_cast<uint32_t>(left), static_cast<uint32_t>(right), static_cast<uint32_t>(result)});
    }
    // Ranks in any order, some of them equal, or none: a text may be made in several ways, at any rank.
    std::vector<uint32_t> ranks;
    if (below(3))
      for (size_t i = 0; i < pairs.size(); ++i)
        ranks.push_back(static_cast<uint32_t>(below(2 * pairs.size())));
    std::vector<MergeRule> rules;
    for (size_t i = pairs.size(); i-- > 0;)
      rules.push_back({pairs[i].left, pairs[i].right, pairs[i].result,
                       1000 - (ranks.empty() ? static_cast<uint32_t>(i) : ranks[i])});
    const MergeTable table(rules);
    RuleMerger merger(table);
    const RankedEncoder encoder(texts.size() + 1, pairs, ranks);
    RankedEncoder::Scratch scratch;
    for (int word = 0; word < 20; ++word) {
      std::vector<uint32_t> atoms, got, counts;
      // Now and then an id that is in no pair.
      for (size_t length = 1 + below(24); length > 0; --length)
        atoms.push_back(static_cast<uint32_t>(below(20) ? below(letters) : texts.size()));
      encoder.encode(atoms, &scratch, &got, &counts);
      const auto expected = merger.merge(atoms);
      wrong += !std::equal(got.begin(), got.end(), expected.begin(), expected.end());
      size_t covered = 0;
      for (size_t i = 0; i < counts.size(); ++i) {
        wrong += counts[i] != (got[i] < texts.size() ? texts[got[i]].size() : 1);
        covered += counts[i];
      }
      wrong += covered != atoms.size();
    }
  }
  CHECK_EQ(wrong, size_t{0});
}
