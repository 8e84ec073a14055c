// Decoding id by id with a tokenizer.json: the text of decode, and ids that show nothing are not kept.
#include "native/core/philox.h"
#include "native/tokenizer/load_tokenizer.h"
#include "test/native/tokenizer/json_case.h"
#include "test/native/tokenizer/shared_files.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

const std::string kFuse = R"({"type":"Fuse"})";
const std::string kStripStart = R"({"type":"Strip","content":" ","start":1,"stop":0})";
const std::string kStripBoth = R"({"type":"Strip","content":" ","start":16,"stop":16})";
const std::string kSpaces = R"({"type":"Replace","pattern":{"String":"▁"},"content":" "})";
const std::string kGone = R"({"type":"Replace","pattern":{"String":"ab"},"content":""})";
const std::string kMetaspace = R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"always"})";

// "" is piece 0, which shows nothing; <s> is special.
std::unique_ptr<Tokenizer> decoding_by(const std::string& decoders) {
  const std::string json =
      R"({"added_tokens":[{"id":5,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,)"
      R"("normalized":false,"special":true}],"decoder":{"type":"Sequence","decoders":[)" +
      decoders + R"(]},"model":{"vocab":{"":0,"a":1,"b":2," ":3,"▁":4,"<s>":5},"merges":[]}})";
  auto made = parse_tokenizer(as_bytes(json));
  CHECK_OK(made.status());
  return made.ok() ? made.take() : nullptr;
}

std::string streamed(const Tokenizer& tokenizer, const Ids& ids) {
  const auto stream = tokenizer.decode_stream();
  std::string text;
  for (const int32_t id : ids) stream->push(id, &text);
  stream->finish(&text);
  return text;
}

Ids operator+(Ids left, const Ids& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

}  // namespace

TEST("json stream: a hundred thousand ids without text are passed in no time") {
  for (const std::string& decoders : {kFuse, kSpaces + "," + kFuse + "," + kStripStart, kMetaspace,
                                      kFuse + "," + kStripBoth, kFuse + "," + kGone}) {
    const auto t = decoding_by(decoders);
    if (!t) return;
    for (const Ids& silent : {Ids(100'000, 0), Ids(100'000, 5)}) {
      // At the start of a text and inside it; the space behind them is kept inside only.
      for (const Ids& before : {Ids{}, Ids{4}, Ids{1, 4}, Ids{1}}) {
        const Ids ids = before + silent + Ids{4, 2, 2};
        std::string text;
        CHECK(seconds([&] { text = streamed(*t, ids); }) < 5);
        CHECK_EQ(text, t->decode(ids));
      }
    }
  }
}

TEST("json stream: what a decoder takes back as a whole shows nothing however long it is") {
  const auto t = decoding_by(kFuse + "," + kGone);
  if (!t) return;
  Ids ids;
  for (int i = 0; i < 50'000; ++i) ids.insert(ids.end(), {1, 2});
  CHECK_EQ(t->decode(ids), "");
  std::string text;
  CHECK(seconds([&] { text = streamed(*t, ids); }) < 5);
  // The first a is told before its b is there.
  CHECK_EQ(text, "a");
}

TEST("json stream: any ids give the text of decode") {
  const Philox random(31, RngStream::test);
  size_t wrong = 0;
  for (const std::string& decoders : {kFuse, kSpaces + "," + kFuse + "," + kStripStart, kMetaspace}) {
    const auto t = decoding_by(decoders);
    if (!t) return;
    for (uint64_t round = 0; round < 500; ++round) {
      Ids ids;
      // Long runs of one id, so that waits of any length occur.
      for (uint32_t i = 0; i < 12; ++i) {
        const auto draw = random.block(round, i);
        const bool silent = draw[2] % 3 != 0;
        ids.insert(ids.end(), 1 + draw[1] % (silent ? 200 : 3),
                   static_cast<int32_t>(silent ? draw[0] % 2 * 5 : draw[0] % 6));
      }
      wrong += streamed(*t, ids) != t->decode(ids);
    }
  }
  CHECK_EQ(wrong, size_t{0});
}
