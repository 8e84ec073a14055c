// Texts made to be slow: doubling one must not cost more than doubling the time, and 50,000 added tokens are
// sought at once.
#include <algorithm>

#include "native/core/philox.h"
#include "native/tokenizer/json/added_tokens.h"
#include "native/tokenizer/json/split_rules.h"
#include "native/tokenizer/ranked_encoder.h"
#include "test/native/tokenizer/json_case.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

// The plain way, in words of tokenizers and tiktoken: look at all neighbours, join the first pair of the
// lowest rank, look at all again. Of equal pairs the last of the list counts.
std::vector<uint32_t> joined(std::vector<uint32_t> word, const std::vector<RankedPair>& pairs,
                             const std::vector<uint32_t>& ranks) {
  for (;;) {
    size_t best_at = word.size(), best_rank = ~size_t{0}, result = 0;
    for (size_t at = 0; at + 1 < word.size(); ++at) {
      for (size_t i = pairs.size(); i-- > 0;) {
        if (pairs[i].left != word[at] || pairs[i].right != word[at + 1]) continue;
        const size_t rank = ranks.empty() ? i : ranks[i];
        if (rank < best_rank) best_at = at, best_rank = rank, result = pairs[i].result;
        break;
      }
    }
    if (best_at == word.size()) return word;
    word[best_at] = static_cast<uint32_t>(result);
    word.erase(word.begin() + static_cast<ptrdiff_t>(best_at) + 1);
  }
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
    const RankedEncoder encoder(texts.size() + 1, pairs, ranks);
    RankedEncoder::Scratch scratch;
    for (int word = 0; word < 20; ++word) {
      std::vector<uint32_t> atoms, got, counts;
      // Now and then an id that is in no pair.
      for (size_t length = 1 + below(24); length > 0; --length)
        atoms.push_back(static_cast<uint32_t>(below(20) ? below(letters) : texts.size()));
      encoder.encode(atoms, &scratch, &got, &counts);
      wrong += got != joined(atoms, pairs, ranks);
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

// Merges of parts that nothing makes are in the list and change nothing.
TEST("json: random files with merges that never happen") {
  const Philox random(78, RngStream::test);
  size_t wrong = 0, dead = 0;
  for (uint64_t round = 0; round < 1'000; ++round) {
    uint32_t draw = 0;
    const auto below = [&](size_t limit) {
      return static_cast<size_t>(random.block(round, draw++)[0] % limit);
    };
    std::vector<std::string> texts = {"a", "b", "c"};
    const auto id_of = [&](const std::string& text) {
      const auto at = static_cast<size_t>(std::find(texts.begin(), texts.end(), text) - texts.begin());
      if (at == texts.size()) texts.push_back(text);
      return static_cast<uint32_t>(at);
    };
    const auto some_text = [&] {
      std::string text;
      for (size_t length = 1 + below(3); length > 0; --length) text += static_cast<char>('a' + below(3));
      return text;
    };
    std::vector<RankedPair> pairs;
    std::string merges, vocabulary;
    for (size_t count = 1 + below(12); count > 0; --count) {
      const std::string left = some_text(), right = some_text();
      const uint32_t left_id = id_of(left), right_id = id_of(right);
      pairs.push_back({left_id, right_id, id_of(left + right)});
      merges += (merges.empty() ? "\"" : ",\"") + left + " " + right + "\"";
    }
    for (size_t id = 0; id < texts.size(); ++id)
      vocabulary += (id ? ",\"" : "\"") + texts[id] + "\":" + std::to_string(id);
    for (const RankedPair& pair : pairs)
      dead += pair.left > 2 && std::none_of(pairs.begin(), pairs.end(), [&](const RankedPair& other) {
                return other.result == pair.left;
              });
    const auto t = accepted(R"({"model":{"vocab":{)" + vocabulary + R"(},"merges":[)" + merges + "]}}");
    if (!t) return;
    for (int word = 0; word < 20; ++word) {
      std::string text;
      std::vector<uint32_t> atoms;
      for (size_t length = 1 + below(16); length > 0; --length) {
        atoms.push_back(static_cast<uint32_t>(below(3)));
        text += texts[atoms.back()];
      }
      const Ids got = encode(*t, text);
      const auto expected = joined(atoms, pairs, {});
      wrong += !std::equal(got.begin(), got.end(), expected.begin(), expected.end());
    }
  }
  CHECK_EQ(wrong, size_t{0});
  CHECK(dead > 1'000);
}
