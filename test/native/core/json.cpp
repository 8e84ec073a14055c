#include "native/core/json.h"

#include <cmath>
#include <limits>

#include "native/core/philox.h"
#include "native/core/utf8.h"
#include "test/native/check.h"

using namespace belle;

static std::string error_of(std::string_view text, const JsonLimits& limits = {}) {
  const auto parsed = parse_json(text, limits);
  return parsed.ok() ? "accepted" : parsed.status().message();
}

TEST("json: values, order and kinds") {
  const auto parsed =
      parse_json(R"( {"b": [1, -2, 3.5, 1e3, true, false, null], "a": {"z": "\u4f60\ud83d\ude00\n"}} )");
  CHECK_OK(parsed.status());
  if (!parsed.ok()) return;
  const Json& root = parsed.value();
  CHECK_EQ(root.object()->at(0).first, "b");
  const Json::Array& items = *root.find("b")->array();
  CHECK_EQ(*items[0].integer(), 1);
  CHECK_EQ(*items[1].integer(), -2);
  CHECK(items[2].integer() == nullptr);
  double real = 0;
  CHECK(items[2].number(&real));
  CHECK_EQ(real, 3.5);
  CHECK(items[3].integer() == nullptr && items[3].number(&real));
  CHECK_EQ(real, 1000.0);
  CHECK(*items[4].boolean() && !*items[5].boolean() && items[6].is_null());
  CHECK_EQ(*root.find("a")->find("z")->string(), "你😀\n");
  CHECK(root.find("c") == nullptr && items[0].find("x") == nullptr);
  CHECK_EQ(root.dump(), R"({"b":[1,-2,3.5,1000.0,true,false,null],"a":{"z":"你😀\n"}})");
}

TEST("json: what is written reads back equal") {
  Json object = Json::Object{};
  object.set("text", std::string("quote \" backslash \\ tab \t bell \a \x7f 中"));
  object.set("numbers", Json::Array{0.1, 1e-300, 1e300, -0.0, 5.0, int64_t{1} << 62,
                                    std::numeric_limits<int64_t>::min()});
  object.set("empty", Json::Array{Json::Object{}, Json::Array{}, Json::Array{Json::Array{}}});
  object.set("text", std::string("replaced"));
  for (const int indent : {0, 2}) {
    const std::string text = object.dump(indent);
    const auto again = parse_json(text);
    CHECK_OK(again.status());
    if (again.ok()) CHECK_EQ(again.value().dump(indent), text);
  }
  CHECK_EQ(Json(Json::Array{std::nan(""), 5.0}).dump(), "[null,5.0]");
  CHECK_EQ(Json(Json::Object{{"a", Json::Array{1}}, {"b", Json::Object{}}}).dump(2),
           "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}");
  const Philox random(1, RngStream::test);
  for (uint64_t i = 0; i < 2000; ++i) {
    const double value = std::ldexp(random.normal(i), static_cast<int>(i % 600) - 300);
    const auto again = parse_json(Json(value).dump());
    double read = 0;
    CHECK(again.ok() && again.value().number(&read) && read == value);
  }
}

TEST("json: whole numbers past 64 bits are doubles") {
  const auto parsed =
      parse_json("[9223372036854775807, 9223372036854775808, 1000000000000000019884624838656]");
  CHECK_OK(parsed.status());
  if (!parsed.ok()) return;
  const Json::Array& items = *parsed.value().array();
  CHECK(items[0].integer() && !items[1].integer() && !items[2].integer());
  double value = 0;
  CHECK(items[2].number(&value) && value == 1e30);
  const auto zero = parse_json("-0");
  CHECK(zero.ok() && !zero.value().integer() && zero.value().number(&value) && std::signbit(value));
}

TEST("json: each bad text is refused with its place") {
  const std::pair<std::string, std::string> cases[] = {
      {"", "line 1, column 1: the text ends where a value is expected"},
      {"{\"a\": 1,\n  \"b\" 2}", "line 2, column 7: expected ':' after the key"},
      {"{\"你\": x}", "line 1, column 7: expected a value"},
      {"{\"a\":1,\"b\":2,\"a\":3}", "line 1, column 14: duplicate key \"a\""},
      {"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"i\":1}",
       "column 56: duplicate key \"i\""},
      {"[1 2]", "line 1, column 4: expected ',' or ']'"},
      {"[1,]", "line 1, column 4: expected a value"},
      {"{\"a\":1,}", "line 1, column 8: expected a key in double quotes"},
      {"{a:1}", "line 1, column 2: expected a key in double quotes"},
      {"[1", "the text ends where ',' or ']' is expected"},
      {"{\"a\"", "the text ends where ':' after the key is expected"},
      {"1 1", "line 1, column 3: text after the end of the value"},
      {"01", "line 1, column 1: a number with a leading zero"},
      {"-", "the text ends where a digit is expected"},
      {"1.", "a digit after '.'"},
      {"1e+", "a digit in the exponent"},
      {"1e999", "a number outside the range of a double"},
      {"NaN", "NaN and Infinity are not JSON; write null or a number"},
      {"[tru]", "line 1, column 2: expected a value"},
      {"\"abc", "the text ends inside a string"},
      {"\"abc\\", "the text ends inside a string"},
      {"\"\\u12", "the text ends inside a \\u escape"},
      {"\"\\u12g4\"", "a \\u escape without four hex digits"},
      {"\"\\ud800\"", "line 1, column 2: a \\u escape that is half of a surrogate pair"},
      {"\"\\ud800\\ud800\"", "a \\u escape that is half of a surrogate pair"},
      {"\"\\udc00\"", "a \\u escape that is half of a surrogate pair"},
      {"\"\\x\"", "line 1, column 3: an unknown escape in a string"},
      {"\"a\nb\"", "line 1, column 3: a control character inside a string; write it as an escape"},
      {"\"\xff\"", "line 1, column 2: bytes that are not UTF-8"},
      {"\"\xed\xa0\x80\"", "bytes that are not UTF-8"},
      {"\"\xc0\xaf\"", "bytes that are not UTF-8"},
      {"\xEF\xBB\xBF{}", "a byte order mark; save the file as UTF-8 without one"},
      {"//x", "line 1, column 1: expected a value"},
  };
  for (const auto& [text, message] : cases) {
    const std::string error = error_of(text);
    if (error.find(message) == error.npos)
      test::fail(__FILE__, __LINE__, "'" + text + "' gave '" + error + "'");
  }
}

TEST("json: depth and size limits hold without recursion") {
  CHECK_EQ(error_of(std::string(64, '[') + std::string(64, ']')), "accepted");
  CHECK_EQ(error_of(std::string(65, '[') + std::string(65, ']')),
           "invalid JSON at line 1, column 65: nested deeper than 64 levels");
  CHECK(error_of(std::string(10'000'000, '[')).find("nested deeper") != std::string::npos);
  CHECK_EQ(error_of("[1,2,3]", {.max_depth = 64, .max_bytes = 6}),
           "JSON of 7 bytes is over the limit of 6 bytes");
}

TEST("json: ten thousand mutated texts never crash and what is accepted round-trips") {
  const std::string seed = R"({"a":[1,2.5e3,"x\u00e9\n",{"k":null}],"b":{"c":true,"d":"你好"},"e":-0.125})";
  const Philox random(7, RngStream::test);
  int accepted = 0;
  for (uint64_t i = 0; i < 10'000; ++i) {
    std::string text = seed;
    const auto draw = random.block(i);
    const size_t at = draw[0] % text.size();
    switch (draw[1] % 4) {
      case 0:
        text[at] = static_cast<char>(draw[2]);
        break;
      case 1:
        text.erase(at, 1 + draw[2] % 5);
        break;
      case 2:
        text.insert(at, text, draw[2] % text.size(), draw[3] % 9);
        break;
      default:
        text.resize(at);
    }
    const auto parsed = parse_json(text);
    if (!parsed.ok()) continue;
    ++accepted;
    const std::string written = parsed.value().dump();
    const auto again = parse_json(written);
    CHECK(again.ok() && again.value().dump() == written);
  }
  CHECK(accepted > 100);
}

TEST("utf8: prefixes and printable names") {
  CHECK_EQ(valid_utf8_prefix("ab你😀"), 9u);
  CHECK_EQ(valid_utf8_prefix("ab\xe4\xbd"), 2u);
  CHECK_EQ(valid_utf8_prefix("\xf4\x90\x80\x80"), 0u);
  CHECK_EQ(printable(std::string_view("a\0\n\xff中", 7)), "a\\x00\\x0a\\xff中");
  CHECK_EQ(printable(std::string(200, 'x')).size(), 80u);
}
