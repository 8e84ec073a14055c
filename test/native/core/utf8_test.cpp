// UTF-8 one character at a time.
#include "native/core/utf8.h"

#include "test/native/check.h"

using namespace belle;

TEST("utf8: every scalar value is written and read back, and no cut of it is valid") {
  size_t wrong = 0;
  std::string bytes;
  for (uint32_t point = 0; point <= 0x10FFFF; ++point) {
    if (point >= 0xD800 && point < 0xE000) continue;
    bytes.clear();
    append_utf8(point, &bytes);
    const Utf8Char c = decode_utf8(bytes);
    wrong += !c.valid || c.code_point != point || c.length != bytes.size() ||
             utf8_announced_length(bytes[0]) != bytes.size();
    bytes.pop_back();
    wrong += !bytes.empty() && decode_utf8(bytes).valid;
  }
  CHECK_EQ(wrong, size_t{0});
}

TEST("utf8: malformed bytes advance by one as U+FFFD") {
  const std::string cases[] = {"\x80",
                               "\xBF"
                               "a",
                               "\xC0\x80",
                               "\xC1\xBF",
                               "\xE0\x80\x80",
                               "\xE0\x9F\xBF",
                               "\xED\xA0\x80",
                               "\xED\xBF\xBF",
                               "\xF0\x8F\xBF\xBF",
                               "\xF4\x90\x80\x80",
                               "\xF5\x80\x80\x80",
                               "\xFF",
                               "\xE4\xBD"
                               "a",
                               "\xE4"
                               "a\xBD",
                               "\xF0\x9F\x98"};
  for (const std::string& bytes : cases) {
    const Utf8Char c = decode_utf8(bytes);
    CHECK(!c.valid);
    CHECK_EQ(c.length, 1u);
    CHECK_EQ(c.code_point, 0xFFFDu);
  }
}
