// Encoding rules one by one, with expectations printed by sentencepiece 0.2.2.
#include <ctime>

#include "native/tokenizer/load_tokenizer.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

// 3 a · 4 b · 5 c, then from 6 what is given
Ids encode_with(std::initializer_list<Piece> more, std::string_view text) {
  SentencePieceModel model = small_model({piece_of("a", -9), piece_of("b", -9), piece_of("c", -9)});
  model.pieces.insert(model.pieces.end(), more);
  return encode(*tokenizer_of(std::move(model)), text);
}

// Of the processor: what else the machine does is not ours.
double seconds(const std::function<void()>& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

}  // namespace

TEST("encode: the highest score merges first, the leftmost among equals") {
  CHECK_EQ(encode_with({piece_of("ab", 1), piece_of("bc", 2)}, "abc"), (Ids{3, 7}));
  CHECK_EQ(encode_with({piece_of("ab", 2), piece_of("bc", 1)}, "abc"), (Ids{6, 5}));
  CHECK_EQ(encode_with({piece_of("ab", -1), piece_of("bc", -1)}, "abc"), (Ids{6, 5}));
  // sentencepiece compares the bits of the scores: -0 is below +0, and trained models begin at -0.
  CHECK_EQ(encode_with({piece_of("ab", -0.0f), piece_of("bc", 0.0f)}, "abc"), (Ids{3, 7}));
  CHECK_EQ(encode_with({piece_of("ab", -0.0f), piece_of("bc", -0.0f)}, "abc"), (Ids{6, 5}));
}

TEST("encode: any two neighbours that spell a piece merge, whatever split it was trained on") {
  CHECK_EQ(encode_with({piece_of("bc", -1), piece_of("abc", -2)}, "abcabc"), (Ids{7, 7}));
  CHECK_EQ(encode_with({piece_of("abc", -2)}, "abc"), (Ids{3, 4, 5}));  // nothing leads there
}

TEST("encode: control and unknown pieces do not merge, and one of a single character is found as it is") {
  CHECK_EQ(encode_with({piece_of("<", -1), piece_of("s", -1), piece_of("<s", -1), piece_of(">", -1)}, "<s>"),
           (Ids{8, 9}));
  CHECK_EQ(encode_with({piece_of("x", 0, PieceType::control)}, "xax"), (Ids{6, 3, 6}));
}

TEST("encode: user-defined pieces are taken whole, longest first, and never merge") {
  const auto defined = PieceType::user_defined;
  CHECK_EQ(encode_with({piece_of("ab", -1, defined), piece_of("abc", -2), piece_of("bc", -1)}, "abcbc"),
           (Ids{6, 5, 8}));
  CHECK_EQ(encode_with({piece_of("ab", -1, defined), piece_of("abca", -2, defined)}, "abcabab"),
           (Ids{7, 4, 6}));
}

TEST("encode: UNUSED pieces merge and are taken apart again") {
  const auto unused = PieceType::unused;
  CHECK_EQ(encode_with({piece_of("ab", -1, unused), piece_of("abc", -2)}, "abcab"), (Ids{7, 3, 4}));
  CHECK_EQ(encode_with({piece_of("ab", -1), piece_of("bc", -2), piece_of("abc", -3, unused)}, "abcabc"),
           (Ids{6, 5, 6, 5}));
  // 150 characters merged one by one: the outer 50 levels below the hundredth stay merged.
  SentencePieceModel model = small_model({});
  std::string text;
  for (int i = 0; i < 150; ++i) {
    const std::string character = {'\xE4', static_cast<char>(0xB8 + i / 64),
                                   static_cast<char>(0x80 + i % 64)};
    model.pieces.push_back(piece_of(character, -9999));
    text += character;
  }
  for (int length = 2; length <= 150; ++length)
    model.pieces.push_back(
        piece_of(text.substr(0, static_cast<size_t>(length) * 3), -static_cast<float>(length), unused));
  const Ids ids = encode(*tokenizer_of(std::move(model)), text);
  CHECK_EQ(ids.size(), size_t{102});
  CHECK_EQ(ids[0], 200);
  CHECK_EQ(ids[1], 52);
  CHECK_EQ(ids.back(), 152);
}

TEST("encode: unknown characters are one <unk> a run, or bytes with byte_fallback") {
  CHECK_EQ(encode_with({}, "axyzb\xE4\xBD\xA0"), (Ids{3, 0, 4, 0}));
  SentencePieceModel model = small_model({piece_of("a", -1)});
  add_byte_pieces(&model);
  const auto tokenizer = tokenizer_of(std::move(model));
  CHECK_EQ(encode(*tokenizer, "a\xE4\xBD\xA0"), (Ids{3, 4 + 0xE4, 4 + 0xBD, 4 + 0xA0}));
  CHECK_EQ(encode(*tokenizer, "\xFF"), (Ids{4 + 0xEF, 4 + 0xBF, 4 + 0xBD}));  // malformed: U+FFFD
  CHECK_EQ(encode(*tokenizer, std::string_view("\0", 1)), (Ids{4}));
  CHECK_EQ(encode(*tokenizer, ""), Ids{});
  CHECK_EQ(tokenizer->encode_normalized("a\xE4\xBD\xA0x"), (Ids{3, 0, 0}));
}

TEST("encode: ids are appended") {
  const auto tokenizer = tokenizer_of(small_model({piece_of("a", -1)}));
  Ids ids = {7};
  CHECK_OK(tokenizer->encode("aa", &ids));
  CHECK_EQ(ids, (Ids{7, 3, 3}));
}

TEST("encode refused: a UNIGRAM model") {
  SentencePieceModel model = small_model({piece_of("a", -1)});
  model.trainer_spec.model_type = ModelType::unigram;
  const auto tokenizer = tokenizer_of(std::move(model));
  Ids ids;
  const Status status = tokenizer->encode("a", &ids);
  CHECK(status.code() == StatusCode::unsupported);
  CHECK(contains(status.message(), "this tokenizer is a UNIGRAM model and only BPE models can encode"));
  CHECK(ids.empty());
}

TEST("encode: a megabyte of one letter, of random letters and of one long run takes no quadratic time") {
  const std::string path = shared_model("llama/tokenizer.model");
  if (path.empty()) return;
  const auto tokenizer = load_tokenizer(path);
  CHECK_OK(tokenizer.status());
  std::string same(1'000'000, 'a'), random(1'000'000, ' ');
  uint32_t state = 1;
  for (char& c : random) c = static_cast<char>('a' + (state = state * 1664525u + 1013904223u) / (1u << 28));
  for (const std::string& text : {same, random, std::string(1'000'000, ' ')}) {
    Ids ids;
    // Half a second alone; the bound leaves room for a busy machine and none for the minutes of n squared.
    CHECK(seconds([&] { CHECK_OK(tokenizer.value()->encode(text, &ids)); }) < 10);
    CHECK_EQ(tokenizer.value()->decode(ids), text);
  }
}

TEST("encode: pieces of thousands of bytes keep long texts fast") {
  SentencePieceModel model = small_model({});
  for (size_t length = 1; length <= 4096; length *= 2)
    model.pieces.push_back(piece_of(std::string(length, 'a'), static_cast<float>(length) - 8000));
  const auto tokenizer = tokenizer_of(std::move(model));
  Ids ids;
  CHECK(seconds([&] { ids = encode(*tokenizer, std::string(1 << 20, 'a')); }) < 10);
  CHECK_EQ(ids, Ids(256, 3 + 12));
}
