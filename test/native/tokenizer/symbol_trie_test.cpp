// The trie of symbols: keys found, and memory that follows the keys however they are chosen.
#include "native/tokenizer/symbol_trie.h"

#include "native/core/philox.h"
#include "native/core/resident_memory.h"
#include "test/native/check.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

using Keys = std::vector<std::vector<uint32_t>>;

SymbolTrie trie_of(uint32_t atoms, const Keys& keys) {
  std::vector<SymbolTrie::Key> given;
  for (uint32_t i = 0; i < keys.size(); ++i) given.push_back({keys[i], i});
  return {atoms, std::move(given)};
}

size_t not_found(const SymbolTrie& trie, const Keys& keys) {
  size_t wrong = 0;
  for (uint32_t i = 0; i < keys.size(); ++i) {
    const auto match = trie.longest(keys[i]);
    wrong += match.symbol != i || match.length != keys[i].size();
  }
  return wrong;
}

}  // namespace

TEST("symbol trie: the longest key, by looking at all") {
  const Philox random(3, RngStream::test);
  for (uint64_t round = 0; round < 300; ++round) {
    uint32_t draw = 0;
    const auto below = [&](uint32_t limit) { return random.block(round, draw++)[0] % limit; };
    const uint32_t atoms = 2 + below(9);
    Keys keys;
    for (uint32_t count = 1 + below(60); count > 0; --count) {
      std::vector<uint32_t> key;
      for (uint32_t length = 1 + below(5); length > 0; --length) key.push_back(below(atoms));
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
    const SymbolTrie trie = trie_of(atoms, keys);
    for (int text = 0; text < 20; ++text) {
      std::vector<uint32_t> spelt;
      for (uint32_t length = 1 + below(7); length > 0; --length) spelt.push_back(below(atoms));
      SymbolTrie::Match best;
      for (uint32_t i = 0; i < keys.size(); ++i)
        if (keys[i].size() <= spelt.size() && keys[i].size() > best.length &&
            std::equal(keys[i].begin(), keys[i].end(), spelt.begin()))
          best = {i, static_cast<uint32_t>(keys[i].size())};
      const auto match = trie.longest(spelt);
      CHECK(match.symbol == best.symbol && match.length == best.length);
    }
  }
}

TEST("symbol trie: keys chosen to lie far apart take no more memory than others") {
  // Fifty children two apart leave holes of one; then nodes whose children fit into no such hole.
  constexpr uint32_t kAtoms = 60'000, kNodes = 4'000;
  Keys keys;
  for (uint32_t child = 0; child < 50; ++child) keys.push_back({0, 2 * child});
  for (uint32_t node = 1; node <= kNodes; ++node)
    for (const uint32_t child : {0u, 1u, kAtoms - 1}) keys.push_back({node, child});
  const uint64_t before = resident_memory();
  const SymbolTrie trie = trie_of(kAtoms, keys);
  // A double array alone would be of 240 million nodes.
  CHECK(resident_memory() < before + (64u << 20));
  CHECK_EQ(not_found(trie, keys), size_t{0});
  CHECK_EQ(trie.longest(std::vector<uint32_t>{7, 5}).length, 0u);
}
