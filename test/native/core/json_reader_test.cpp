#include "native/core/json_reader.h"

#include "native/core/json.h"
#include "native/core/philox.h"
#include "test/native/check.h"

using namespace belle;

namespace {

std::string skip_error(std::string_view text) {
  JsonReader reader(text);
  const Status skipped = reader.skip();
  if (!skipped.ok()) return skipped.message();
  const Status end = reader.finish();
  return end.ok() ? "accepted" : end.message();
}

}  // namespace

TEST("json reader: walks a document") {
  JsonReader reader(
      "{\"b\": [1, -2, true, null, \"x\"],\n \"a\": {\"z\": \"\\u4f60\\ud83d\\ude00\\n\"}, \"c\": 3.5}");
  std::string key, text;
  bool found = false, flag = false;
  int64_t number = 0;
  CHECK_OK(reader.enter_object());
  CHECK_OK(reader.next_member(&key, &found));
  CHECK(found && key == "b" && reader.kind() == JsonKind::array);
  CHECK_OK(reader.enter_array());
  CHECK_OK(reader.next_element(&found));
  CHECK_OK(reader.integer(&number));
  CHECK_EQ(number, 1);
  CHECK_OK(reader.next_element(&found));
  CHECK_OK(reader.integer(&number));
  CHECK_EQ(number, -2);
  CHECK_OK(reader.next_element(&found));
  CHECK_OK(reader.boolean(&flag));
  CHECK(flag);
  CHECK_OK(reader.next_element(&found));
  CHECK(reader.kind() == JsonKind::null);
  CHECK_OK(reader.null());
  CHECK_OK(reader.next_element(&found));
  CHECK_OK(reader.string(&text));
  CHECK_EQ(text, "x");
  CHECK_OK(reader.next_element(&found));
  CHECK(!found);
  CHECK_OK(reader.next_member(&key, &found));
  std::string_view raw;
  const size_t mark = reader.mark();
  CHECK_OK(reader.skip(&raw));
  CHECK_EQ(raw, "{\"z\": \"\\u4f60\\ud83d\\ude00\\n\"}");
  reader.rewind(mark);
  CHECK_OK(reader.enter_object());
  CHECK_OK(reader.next_member(&key, &found));
  CHECK_OK(reader.string(&text));
  CHECK_EQ(text, "你😀\n");
  CHECK(reader.blame("a bad name").message() == "a bad name, at line 2, column 13");
  CHECK_OK(reader.next_member(&key, &found));
  CHECK(!found);
  CHECK_OK(reader.next_member(&key, &found));
  CHECK(found && key == "c");
  CHECK_OK(reader.skip());
  CHECK_OK(reader.next_member(&key, &found));
  CHECK(!found);
  CHECK_OK(reader.finish());
}

TEST("json reader: refuses with line and column") {
  JsonReader reader("{\"a\":\n  12.5}");
  std::string key;
  bool found = false;
  int64_t number = 0;
  CHECK_OK(reader.enter_object());
  CHECK_OK(reader.next_member(&key, &found));
  CHECK_EQ(reader.integer(&number).message(),
           "invalid JSON at line 2, column 3: expected a whole number of at most 64 bits");
  CHECK_EQ(JsonReader("[1]").enter_object().message(),
           "invalid JSON at line 1, column 1: expected an object");
  CHECK_EQ(JsonReader("").enter_object().message(),
           "invalid JSON at line 1, column 1: the text ends where an object is expected");
  CHECK_EQ(JsonReader("99999999999999999999").integer(&number).message(),
           "invalid JSON at line 1, column 1: expected a whole number of at most 64 bits");
  CHECK_EQ(skip_error("{\"a\" 1}"), "invalid JSON at line 1, column 6: expected ':' after the key");
  CHECK_EQ(skip_error("[1 2]"), "invalid JSON at line 1, column 4: expected ',' or ']'");
  CHECK_EQ(skip_error("[1,]"), "invalid JSON at line 1, column 4: expected a value");
  CHECK_EQ(skip_error("{\"a\":1,}"), "invalid JSON at line 1, column 8: expected a key in double quotes");
  CHECK_EQ(skip_error("\"\\ud800x\""),
           "invalid JSON at line 1, column 2: a \\u escape that is half of a surrogate pair");
  CHECK_EQ(skip_error("\"\\u12g4\""),
           "invalid JSON at line 1, column 4: a \\u escape without four hex digits");
  CHECK_EQ(skip_error("\"\\x41\""), "invalid JSON at line 1, column 3: an unknown escape in a string");
  CHECK_EQ(skip_error("\"a\x01\""),
           "invalid JSON at line 1, column 3: a control character inside a string; write it as an escape");
  CHECK_EQ(skip_error(std::string_view("\"a\0\"", 4)),
           "invalid JSON at line 1, column 3: a control character inside a string; write it as an escape");
  CHECK_EQ(skip_error("\"\xFF\""), "invalid JSON at line 1, column 2: bytes that are not UTF-8");
  CHECK_EQ(skip_error("\"abc"), "invalid JSON at line 1, column 5: the text ends inside a string");
  CHECK_EQ(skip_error("\"abc\\"), "invalid JSON at line 1, column 6: the text ends inside a string");
  CHECK_EQ(skip_error("01"), "invalid JSON at line 1, column 1: a number with a leading zero");
  CHECK_EQ(skip_error("[] []"), "invalid JSON at line 1, column 4: text after the end of the value");
  CHECK_EQ(skip_error(std::string(65, '[')),
           "invalid JSON at line 1, column 65: nested deeper than 64 levels");
  CHECK_EQ(skip_error(std::string(64, '[') + std::string(64, ']')), "accepted");
  CHECK_EQ(skip_error("nul"), "invalid JSON at line 1, column 1: expected null");
}

TEST("json reader: judges mutated documents as the tree reader does") {
  const std::string seed =
      "{\"a\":[1,-2.5e3,\"x\\n\\u00e9\\ud83d\\ude00\",{\"b\":null,\"c\":[true,false,[]]}],\"d\":{},\"e\":0}";
  const Philox random(3, RngStream::test);
  size_t accepted = 0, refused = 0;
  for (uint64_t i = 0; i < 20'000; ++i) {
    std::string text = seed;
    const auto draw = random.block(i);
    for (uint32_t edit = 0; edit <= draw[0] % 2; ++edit) {
      const auto at = random.block(i, 1 + edit);
      const size_t place = at[0] % text.size();
      static constexpr std::string_view kBytes = "{}[]\",:\\0123u-.etn \x80\xC3\x01";
      if (at[1] % 4 == 0)
        text.erase(place, 1 + at[2] % 3);
      else if (at[1] % 4 == 1)
        text.insert(place, 1, kBytes[at[2] % kBytes.size()]);
      else
        text[place] = kBytes[at[2] % kBytes.size()];
      if (text.empty()) text = " ";
    }
    const auto tree = parse_json(text);
    // Duplicate keys are the tree reader's own rule, numbers past a double its own limit.
    if (!tree.ok() && (tree.status().message().find("twice") != std::string::npos ||
                       tree.status().message().find("range of a double") != std::string::npos ||
                       tree.status().message().find("uplicate") != std::string::npos))
      continue;
    const std::string verdict = skip_error(text);
    if ((verdict == "accepted") != tree.ok())
      test::fail(__FILE__, __LINE__,
                 text + ": " + verdict + " / " + (tree.ok() ? "accepted" : tree.status().message()));
    ++(tree.ok() ? accepted : refused);
  }
  CHECK(accepted > 1'000);
  CHECK(refused > 5'000);
}
