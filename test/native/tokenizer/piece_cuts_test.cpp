// Every way to put a piece together from two.
#include "native/tokenizer/piece_cuts.h"

#include <map>
#include <string>

#include "test/native/check.h"

using namespace belle::tokenizer;

namespace {

struct Cuts {
  std::string seen;
  bool whole;
  uint64_t reads;
};

Cuts cuts_of(std::string_view piece, const std::map<std::string, int, std::less<>>& ids,
             uint64_t reads = 1000, size_t most = 1000) {
  Cuts cuts{{}, false, reads};
  const auto find = [&](const PiecePart& part) {
    const auto found = ids.find(part.text);
    return found == ids.end() ? -1 : found->second;
  };
  const auto visit = [&](const PiecePart& left, const PiecePart& right, int left_id, int right_id) {
    CHECK_EQ(std::string(left.text) + std::string(right.text), std::string(piece));
    CHECK(left.first == 0 && right.first == left.count);
    cuts.seen += std::to_string(left_id) + "+" + std::to_string(right_id) + ":" + std::to_string(left.count) +
                 "," + std::to_string(right.count) + " ";
    return --most > 0;
  };
  cuts.whole = for_each_cut(piece, &cuts.reads, find, visit);
  return cuts;
}

}  // namespace

TEST("piece cuts: between characters, where both parts are known, the shortest left part first") {
  const std::map<std::string, int, std::less<>> ids{{"a", 0}, {"é中", 1}, {"aé", 2}, {"中", 3}, {"a\xC3", 4}};
  const Cuts cuts = cuts_of("aé中", ids);
  CHECK_EQ(cuts.seen, "0+1:1,2 2+3:2,1 ");
  CHECK(cuts.whole);
  CHECK_EQ(cuts.reads, 1000u - 12);  // a, é中, aé, 中
  CHECK(cuts_of("中", ids).whole && cuts_of("中", ids).seen.empty());
  CHECK(cuts_of("", ids).whole);
}

TEST("piece cuts: reads that do not suffice, and a visitor that has enough, end it") {
  const std::map<std::string, int, std::less<>> ids{{"a", 0}, {"aa", 1}, {"aaa", 2}};
  CHECK(cuts_of("aaaa", ids, 12).whole);
  CHECK_EQ(cuts_of("aaaa", ids, 12).seen, "0+2:1,3 1+1:2,2 2+0:3,1 ");
  const Cuts poor = cuts_of("aaaa", ids, 11);
  CHECK(!poor.whole);
  CHECK_EQ(poor.seen, "0+2:1,3 1+1:2,2 ");
  const Cuts one = cuts_of("aaaa", ids, 1000, 1);
  CHECK(!one.whole);
  CHECK_EQ(one.seen, "0+2:1,3 ");
}
