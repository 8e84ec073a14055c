// Where two encodings of a line part.
#include "native/tokenizer/encoding_difference.h"

#include "native/tokenizer/sentencepiece_tokenizer.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

using Names = std::vector<std::string>;

TEST("encoding difference: the pieces from two before the first that differs, the line cut by characters") {
  const auto tokenizer = SentencePieceTokenizer::create(small_model({piece_of("a", -1), piece_of("b", -2)}));
  CHECK_OK(tokenizer.status());
  if (!tokenizer.ok()) return;
  const SentencePieceTokenizer& one = *tokenizer.value();
  const Ids before{3, 3, 3, 4}, after{3, 3, 3, 3, 4};
  const EncodingDifference found = first_difference("x", {one, before}, {one, after});
  CHECK_EQ(found.token, 3u);
  CHECK(found.before == (Names{"a", "a", "b"}) && found.after == (Names{"a", "a", "a", "b"}));
  // One that ends where the other goes on, and what is too long to show.
  const Ids many(40, 3), none;
  std::string line;
  for (int i = 0; i < 201; ++i) line += "字";
  const EncodingDifference longer = first_difference(line, {one, none}, {one, many});
  CHECK_EQ(longer.token, 0u);
  CHECK(longer.before.empty());
  CHECK_EQ(longer.after.size(), size_t{12});
  CHECK_EQ(longer.text, line.substr(0, 600) + "…");
  CHECK_EQ(first_difference(line.substr(3), {one, none}, {one, many}).text, line.substr(3));
}
