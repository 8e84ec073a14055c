// Spans of JSON tokenizers that do not ascend, and places counted in other units.
#include "native/core/text_units.h"
#include "test/native/tokenizer/json_case.h"

using namespace belle;
using namespace belle::tokenizer;

using Units = std::vector<uint32_t>;

namespace {

// places: begin and end of each id in UTF-16 units or code points.
void check_spans(const JsonTokenizer& tokenizer, const std::string& text, bool utf16, const Ids& ids,
                 const Units& places) {
  Ids found;
  std::vector<ByteRange> ranges;
  CHECK_OK(tokenizer.encode_with_offsets(text, &found, &ranges));
  CHECK(found == ids);
  const auto units = units_before(text, utf16);
  Units at;
  for (const ByteRange& range : ranges) at.insert(at.end(), {units[range.begin], units[range.end]});
  CHECK(at == places);
}

}  // namespace

TEST("text units: how many stand before each byte, at a character's end inside it") {
  CHECK(units_before("", true) == Units{0});
  CHECK(units_before("a\xE4\xBD\xA0\xF0\x9F\x98\x80z", true) == (Units{0, 1, 2, 2, 2, 4, 4, 4, 4, 5}));
  CHECK(units_before("a\xE4\xBD\xA0\xF0\x9F\x98\x80z", false) == (Units{0, 1, 2, 2, 2, 3, 3, 3, 3, 4}));
}

// Each in Hugging Face's order and with its offsets, in code points as it tells them.
TEST("json spans: an added token that takes white space overlaps the one that begins there") {
  const auto t = accepted(
      R"({"added_tokens":[{"id":1,"content":"<s>","single_word":false,"lstrip":false,"rstrip":true,"normalized":false,)"
      R"("special":true},{"id":2,"content":" x","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,)"
      R"("special":true}],"model":{"vocab":{"你":0},"merges":[]}})");
  if (!t) return;
  check_spans(*t, "你<s>  x你", true, {0, 1, 2, 0}, {0, 1, 1, 6, 5, 7, 7, 8});
}

TEST("json spans: bytes come before an unknown character that waits, each with its whole character") {
  const auto t = accepted(
      R"({"model":{"vocab":{"<unk>":0,"<0xC3>":1,"<0xA9>":2,"a":3},"merges":[],"unk_token":"<unk>","fuse_unk":true,)"
      R"("byte_fallback":true}})");
  if (!t) return;
  check_spans(*t, "你éa", false, {1, 2, 0, 3}, {1, 2, 1, 2, 0, 1, 2, 3});
}
