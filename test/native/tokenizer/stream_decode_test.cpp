// Decoding id by id: the text of decode, whole characters at a time.
#include "native/core/philox.h"
#include "native/core/utf8.h"
#include "native/tokenizer/load_tokenizer.h"
#include "native/tokenizer/utf8_stream.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

std::vector<std::string> parts_of(const Tokenizer& tokenizer, const Ids& ids) {
  const auto stream = tokenizer.decode_stream();
  std::vector<std::string> parts;
  for (const int32_t id : ids) {
    parts.emplace_back();
    stream->push(id, &parts.back());
  }
  parts.emplace_back();
  stream->finish(&parts.back());
  return parts;
}

}  // namespace

TEST("stream: bytes become text when their character is whole") {
  SentencePieceModel model = small_model({piece_of("a", -1)});
  add_byte_pieces(&model);
  const auto t = tokenizer_of(std::move(model));
  const auto byte = [](int value) { return 4 + value; };
  using Parts = std::vector<std::string>;
  CHECK_EQ(parts_of(*t, {3, byte(0xE4), byte(0xBD), byte(0xA0), 3}),
           (Parts{"a", "", "", "\xE4\xBD\xA0", "a", ""}));
  // Cut short by another piece, and by the end: a bad byte each.
  CHECK_EQ(parts_of(*t, {byte(0xE5), byte(0xA5), 3}), (Parts{"", "",
                                                             "\xEF\xBF\xBD\xEF\xBF\xBD"
                                                             "a",
                                                             ""}));
  CHECK_EQ(parts_of(*t, {byte(0xF0), byte(0x9F)}), (Parts{"", "", "\xEF\xBF\xBD\xEF\xBF\xBD"}));
  // What no byte can mend is told at once: C0, and a surrogate's second byte.
  CHECK_EQ(parts_of(*t, {byte(0xC0), byte(0xED), byte(0xA0)}),
           (Parts{"\xEF\xBF\xBD", "", "\xEF\xBF\xBD\xEF\xBF\xBD", ""}));
}

TEST("stream: any ids give the text of decode, and every part is valid UTF-8") {
  const std::string path = shared_model("llama/tokenizer.model");
  if (path.empty()) return;
  const auto t = load_tokenizer(path);
  CHECK_OK(t.status());
  const Philox random(5, RngStream::test);
  for (uint64_t round = 0; round < 3'000; ++round) {
    Ids ids;
    for (uint32_t i = 0; i < 24; ++i) {
      const auto draw = random.block(round, i);
      ids.push_back(static_cast<int32_t>(draw[0] % (draw[1] % 2 ? 259 : 32000)));
    }
    std::string text;
    for (const std::string& part : parts_of(*t.value(), ids)) {
      CHECK_EQ(valid_utf8_prefix(part), part.size());
      text += part;
    }
    CHECK_EQ(text, t.value()->decode(ids));
  }
}

TEST("stream: every prefix of every two-byte to four-byte character waits for the rest") {
  for (uint32_t c = 0x80; c < 0x110000; c += c < 0x3000 ? 1 : 61) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string whole, bytes, text;
    append_utf8(c, &whole);
    for (size_t i = 0; i < whole.size(); ++i) {
      CHECK(text.empty());
      bytes.push_back(whole[i]);
      take_characters(&bytes, false, &text);
    }
    CHECK_EQ(text, whole);
  }
}
