// What training rests on: piece rules, the heap's moves, counting, scripts.
#include <queue>

#include "native/core/philox.h"
#include "native/tokenizer/space_symbol.h"
#include "native/tokenizer/train/pair_heap.h"
#include "native/tokenizer/train/piece_rules.h"
#include "native/tokenizer/train/text_counter.h"
#include "test/native/check.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed, RngStream::test) {}
  uint64_t below(uint64_t n) {
    return static_cast<uint64_t>(random_.uniform(index_++) * static_cast<double>(n));
  }

 private:
  Philox random_;
  uint64_t index_ = 0;
};

}  // namespace

TEST("train rules: a separated pair is in no valid piece, whatever the options") {
  constexpr char32_t alphabet[] = {U'a',   U'b', U'中',       U'あ',  U'カ',
                                   0x30FC, U'1', U'\uFF12',   0x0301, kSpaceCharacter,
                                   U'!',   U'я', kRareSymbol, 9,      0};
  Draw draw(1);
  size_t valid_pieces = 0, separated = 0;
  for (int round = 0; round < 60000; ++round) {
    TrainerSpec spec;
    const uint64_t bits = draw.below(256);
    spec.split_by_unicode_script = bits & 1;
    spec.split_by_number = bits & 2;
    spec.split_by_whitespace = bits & 4;
    spec.treat_whitespace_as_suffix = bits & 8;
    spec.allow_whitespace_only_pieces = bits & 16;
    spec.split_digits = bits & 32;
    const PieceRules rules(spec);
    std::u32string piece;
    for (uint64_t i = 0, size = 2 + draw.below(4); i < size; ++i)
      piece.push_back(alphabet[draw.below(std::size(alphabet))]);
    bool cut = false;
    for (size_t i = 1; i < piece.size(); ++i)
      cut |= rules.separates(rules.traits(piece[i - 1]), rules.traits(piece[i]));
    const bool valid = rules.valid(piece);
    valid_pieces += valid;
    separated += cut;
    CHECK(!(valid && cut));
  }
  CHECK(valid_pieces > 1000 && separated > 10000);
}

TEST("train rules: lengths and reserved characters") {
  const PieceRules rules((TrainerSpec()));
  CHECK(!rules.valid(std::u32string()));
  CHECK(rules.valid(std::u32string(16, U'a')));
  CHECK(!rules.valid(std::u32string(17, U'a')));
  for (const char32_t c : {U'\0', U'\t', U' ', kRareSymbol, char32_t{0xD800}, char32_t{0x110000}})
    CHECK(!rules.valid(std::u32string(1, c)));
}

TEST("train rules: scripts as sentencepiece sees them, Han as Unicode does") {
  const auto number = [](char32_t c) { return static_cast<int>(unicode_script(c)); };
  CHECK_EQ(number(U'中'), 2);
  CHECK_EQ(number(U'あ'), 3);
  CHECK_EQ(number(U'カ'), 4);
  CHECK_EQ(number(0x30FC), 0);
  CHECK_EQ(number(0x0301), 1);
  CHECK_EQ(number(U'!'), 0);
  CHECK_EQ(number(U'a'), number(U'é'));
  CHECK(number(U'a') != number(U'я'));
  CHECK_EQ(number(0x9FD6), 0);   // Unicode 10: not in sentencepiece's table
  CHECK_EQ(number(0x30000), 0);  // extension G
  CHECK_EQ(number(0x10FFFF), 0);
  for (const char32_t c : {char32_t{0x4E00}, char32_t{0x9FD6}, char32_t{0x30000}, char32_t{0x3005},
                           char32_t{0x3007}, char32_t{0xF900}})
    CHECK(is_han(c));
  for (const char32_t c : {U'a', U'，', U'。', U'あ', U'ー', U'1', char32_t{0x110000}}) CHECK(!is_han(c));
}

#ifdef __GLIBCXX__
TEST("train rules: the heap moves equal entries as std::priority_queue of libstdc++ does") {
  struct Entry {
    int value, id;
  };
  const auto less = [](const Entry& a, const Entry& b) { return a.value < b.value; };
  PairHeap<Entry, decltype(less)> ours(less);
  std::priority_queue<Entry, std::vector<Entry>, decltype(less)> theirs(less);
  Draw draw(2);
  for (int id = 0; id < 50000; ++id) {
    if (draw.below(5) < 3) {
      const Entry entry{static_cast<int>(draw.below(20)), id};
      ours.push(entry);
      theirs.push(entry);
    } else if (!theirs.empty()) {
      CHECK_EQ(ours.top().id, theirs.top().id);
      ours.pop();
      theirs.pop();
    }
  }
  for (; !theirs.empty(); theirs.pop(), ours.pop()) CHECK_EQ(ours.top().id, theirs.top().id);
  CHECK(ours.empty());
}
#endif

TEST("train rules: counting texts, and taking over another counter") {
  TextCounter a, b;
  for (int i = 0; i < 5000; ++i) a.add("word" + std::to_string(i % 1000), 1);
  for (int i = 0; i < 3000; ++i) b.add("word" + std::to_string(i), 2);
  b.add(std::string(100000, 'x'), 7);  // larger than a block's share
  b.add("", 4);
  a.absorb(std::move(b));
  CHECK_EQ(a.entries().size(), size_t{3002});
  uint64_t total = 0;
  for (const auto& entry : a.entries()) {
    total += entry.count;
    if (entry.text().starts_with("word"))
      CHECK_EQ(entry.count,
               std::stoi(std::string(entry.text().substr(4))) < 1000 ? uint64_t{7} : uint64_t{2});
  }
  CHECK_EQ(total, uint64_t{5000 + 6000 + 7 + 4});
}
