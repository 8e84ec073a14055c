// Words, ids, offsets and decoded texts as Hugging Face tokenizers 0.23.2 and tiktoken 0.14 give them for
// generated texts: the rows of fixtures/ (scripts/oracle/json_tokenizer_cases.py), or longer runs named by
// the environment.
#include <cstdlib>
#include <fstream>

#include "native/core/json.h"
#include "native/core/utf8.h"
#include "native/tokenizer/json/json_tokenizer.h"
#include "native/tokenizer/json/split_rules.h"
#include "test/native/check.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

std::vector<Json> rows_of(const char* variable, const std::string& fixture) {
  const char* named = std::getenv(variable);
  const std::string here = __FILE__;
  std::ifstream file(named ? named : here.substr(0, here.rfind('/')) + "/fixtures/" + fixture);
  std::vector<Json> rows;
  for (std::string line; std::getline(file, line);) {
    auto row = parse_json(line);
    CHECK_OK(row.status());
    if (row.ok()) rows.push_back(row.take());
  }
  CHECK(rows.size() > 30);
  return rows;
}

template <class T>
std::vector<T> numbers(const Json* json) {
  std::vector<T> out;
  for (const Json& value : *json->array()) out.push_back(static_cast<T>(*value.integer()));
  return out;
}

std::vector<size_t> word_ends(SplitRules rules, std::string_view text) {
  std::vector<size_t> ends;
  for_each_word(rules, text, [&](size_t, size_t end) { ends.push_back(end); });
  return ends;
}

class Misses {
 public:
  void add(const std::string& what) {
    if (count_++ < 5) test::fail(__FILE__, __LINE__, what);
  }
  ~Misses() { CHECK_EQ(count_, size_t{0}); }

 private:
  size_t count_ = 0;
};

}  // namespace

TEST("json splits: the words of every rule") {
  Misses misses;
  for (const Json& row : rows_of("BELLE_JSON_SPLITS", "json_splits.jsonl")) {
    const std::string& text = *row.find("text")->string();
    for (const auto& [name, ends] : *row.object())
      if (name != "text" && word_ends(*split_rules_by_name(name), text) != numbers<size_t>(&ends))
        misses.add(name + ": " + Json(text).dump());
  }
}

TEST("json tokenizers: ids, offsets and decoded texts") {
  Misses misses;
  std::unique_ptr<JsonTokenizer> tokenizer;
  std::string which;
  for (const Json& row : rows_of("BELLE_JSON_TOKENIZERS", "json_tokenizers.jsonl")) {
    if (const Json* json = row.find("tokenizer")) {
      auto parsed = JsonTokenizer::parse(json->dump());
      CHECK_OK(parsed.status());
      tokenizer = parsed.ok() ? parsed.take() : nullptr;
      Json::Object shown;
      for (const auto& [key, value] : *json->object())
        if (key != "model") shown.emplace_back(key, value);
      which = Json(shown).dump();
      continue;
    }
    if (!tokenizer) continue;
    const std::string& text = *row.find("text")->string();
    const auto expected = numbers<int32_t>(row.find("ids")), some = numbers<int32_t>(row.find("some"));
    std::vector<int32_t> ids, again;
    std::vector<ByteRange> ranges, wanted;
    CHECK_OK(tokenizer->encode(text, &ids));
    CHECK_OK(tokenizer->encode_with_offsets(text, &again, &ranges));
    std::string shown = row.dump() + " " + which;
    const auto got = [&] {
      std::string list = " got";
      for (size_t i = 0; i < again.size() && i < ranges.size(); ++i)
        list += " " + std::to_string(again[i]) + "[" + std::to_string(ranges[i].begin) + "," +
                std::to_string(ranges[i].end) + ")";
      return list;
    };
    if (ids != expected || again != expected) misses.add("ids: " + got() + " for " + shown);
    if (const Json::Array* offsets = row.find("offsets")->array()) {
      for (const Json& pair : *offsets) {
        const auto place = numbers<size_t>(&pair);
        wanted.push_back({place[0], place[1]});
      }
      if (ranges != wanted) misses.add("offsets: " + got() + " for " + shown);
    }
    if (tokenizer->decode(expected, true) != *row.find("decoded")->string())
      misses.add("decoded: " + Json(tokenizer->decode(expected, true)).dump() + " for " + row.dump() + which);
    if (tokenizer->decode(some, false) != *row.find("some_decoded")->string())
      misses.add("decoded some: " + Json(tokenizer->decode(some, false)).dump() + " for " + row.dump() +
                 which);
  }
}

TEST("json tiktoken: ids of every splitter") {
  Misses misses;
  std::string ranks;
  std::map<std::string, int32_t> special;
  std::map<std::string, std::unique_ptr<JsonTokenizer>> tokenizers;
  for (const Json& row : rows_of("BELLE_JSON_TIKTOKEN", "json_tiktoken.jsonl")) {
    if (row.find("ranks")) {
      ranks = *row.find("ranks")->string();
      for (const auto& [token, id] : *row.find("special")->object())
        special[token] = static_cast<int32_t>(*id.integer());
      continue;
    }
    const std::string& text = *row.find("text")->string();
    for (const auto& [name, ids] : *row.object()) {
      if (name == "text") continue;
      auto& tokenizer = tokenizers[name];
      if (!tokenizer) {
        auto made = JsonTokenizer::from_tiktoken(ranks, name, special);
        CHECK_OK(made.status());
        if (!made.ok()) return;
        tokenizer = made.take();
        CHECK_EQ(tokenizer->vocab_size(), special.at("<|fim|>") + 1);
        CHECK(tokenizer->kind(special.at("<|fim|>") - 1) == JsonPieceKind::absent);
        CHECK_EQ(tokenizer->eos_id(), special.at("<|endoftext|>"));
      }
      std::vector<int32_t> got;
      CHECK_OK(tokenizer->encode(text, &got));
      if (got != numbers<int32_t>(&ids)) misses.add(name + ": " + Json(text).dump());
      if (tokenizer->decode(got, false) != text) misses.add(name + " decoded: " + Json(text).dump());
    }
  }
  CHECK_EQ(tokenizers.size(), size_t{5});
}
