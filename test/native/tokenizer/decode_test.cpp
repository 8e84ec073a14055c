// Decoding, with expectations printed by sentencepiece 0.2.2.
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

const std::string kSpace = "\xE2\x96\x81";

// 3 ▁ · 4 ▁▁ · 5 a · 6 ▁a · 7 ▁▁a
SentencePieceModel spaces(bool dummy_prefix, bool remove_extra) {
  SentencePieceModel model =
      small_model({piece_of(kSpace, -1), piece_of(kSpace + kSpace, -2), piece_of("a", -3),
                   piece_of(kSpace + "a", -4), piece_of(kSpace + kSpace + "a", -5)});
  model.normalizer_spec.add_dummy_prefix = dummy_prefix;
  model.normalizer_spec.remove_extra_whitespaces = remove_extra;
  return model;
}

}  // namespace

TEST("decode: the dummy prefix goes, also behind pieces that give nothing") {
  const std::vector<Ids> inputs = {{3, 6, 5},    {4, 6},    {3, 3, 5}, {7},   {1, 3, 3, 5},
                                   {3, 1, 3, 5}, {0, 3, 5}, {1, 6},    {5, 3}};
  const std::string unk = " \xE2\x81\x87 ";
  const struct {
    bool dummy_prefix, remove_extra;
    std::vector<std::string> texts;
  } rows[] = {
      {false, false, {"  aa", "   a", "  a", "  a", "  a", "  a", unk + " a", " a", "a "}},
      {false, true, {"aa", "  a", "a", " a", "a", "a", unk + " a", "a", "a "}},
      {true, false, {" aa", "  a", " a", " a", " a", " a", unk + " a", "a", "a "}},
      {true, true, {"aa", "  a", "a", " a", "a", "a", unk + " a", "a", "a "}},
  };
  for (const auto& row : rows) {
    const auto tokenizer = tokenizer_of(spaces(row.dummy_prefix, row.remove_extra));
    for (size_t i = 0; i < inputs.size(); ++i) CHECK_EQ(tokenizer->decode(inputs[i]), row.texts[i]);
  }
}

TEST("decode: byte pieces character by character, each bad byte to U+FFFD") {
  SentencePieceModel model = small_model({});
  add_byte_pieces(&model);
  const auto tokenizer = tokenizer_of(std::move(model));
  const auto decoded = [&](std::string_view bytes) {
    Ids ids;
    for (const char byte : bytes) ids.push_back(3 + static_cast<uint8_t>(byte));
    return tokenizer->decode(ids);
  };
  const std::string bad = "\xEF\xBF\xBD";
  CHECK_EQ(decoded("\xE4\xBD\xA0"), "\xE4\xBD\xA0");
  CHECK_EQ(decoded("\xE4\xBD\xA0\xE5\xA5"), "\xE4\xBD\xA0" + bad + bad);
  CHECK_EQ(decoded("\xED\xA0\x80"), bad + bad + bad);            // a surrogate
  CHECK_EQ(decoded("\xC0\x80"), bad + bad);                      // overlong
  CHECK_EQ(decoded("\xF4\x90\x80\x80"), bad + bad + bad + bad);  // past U+10FFFF
  CHECK_EQ(decoded("\xF0\x9F\x98\x80"
                   "A"),
           "\xF0\x9F\x98\x80"
           "A");
  CHECK_EQ(tokenizer->decode(Ids{3 + 0xE4, 1, 3 + 0xBD}), bad + bad);  // a control piece ends the run
}

TEST("decode: control pieces and ids out of range give nothing, <unk> gives the surface of the model") {
  SentencePieceModel model = small_model({piece_of("a", -1)});
  CHECK_EQ(tokenizer_of(model)->decode(Ids{1, 3, 2, -1, 4, 1 << 30, 3}), "aa");
  CHECK_EQ(tokenizer_of(model)->decode(Ids{}), "");
  CHECK_EQ(tokenizer_of(model)->decode(Ids{0}), " \xE2\x81\x87 ");
  model.trainer_spec.unk_surface = "?";
  CHECK_EQ(tokenizer_of(model)->decode(Ids{3, 0, 3}), "a?a");
}
