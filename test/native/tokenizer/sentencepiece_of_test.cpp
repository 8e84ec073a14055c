// From a sentencepiece model to tokenizer.json and back.
#include "native/tokenizer/export/sentencepiece_of.h"

#include "native/tokenizer/export/tokenizer_json_writer.h"
#include "native/tokenizer/json/json_tokenizer.h"
#include "native/tokenizer/load_tokenizer.h"
#include "test/native/tokenizer/json_mutations.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

Result<SentencePieceModel> there_and_back(const SentencePieceModel& model) {
  BELLE_ASSIGN(const std::string text, write_tokenizer_json(model, {}));
  BELLE_ASSIGN(const TokenizerJson json, parse_tokenizer_json(text));
  return sentencepiece_of(json);
}

void check_refused(const TokenizerJson& json, const std::string& reason) {
  const Status status = sentencepiece_of(json).status();
  CHECK(status.code() == StatusCode::unsupported);
  CHECK(contains(status.message(), reason));
}

TokenizerJson read(const std::string& text) {
  auto json = parse_tokenizer_json(text);
  CHECK_OK(json.status());
  return json.ok() ? json.take() : TokenizerJson();
}

}  // namespace

TEST("tokenizer.json to sentencepiece: LLaMA comes back with its pieces, types and ids") {
  const std::string path = shared_model("llama/tokenizer.model");
  if (path.empty()) return;
  const auto llama = load_tokenizer(path);
  CHECK_OK(llama.status());
  auto model = there_and_back(*llama.value()->sentencepiece());
  CHECK_OK(model.status());
  if (!model.ok()) return;
  const auto again = tokenizer_of(model.take());
  CHECK_EQ(again->vocab_size(), llama.value()->vocab_size());
  for (int32_t id = 0; id < again->vocab_size(); ++id) {
    CHECK_EQ(again->piece(id).piece, llama.value()->piece(id).piece);
    CHECK(again->piece(id).type == llama.value()->piece(id).type);
  }
  CHECK_EQ(again->bos_id(), 1);
  CHECK_EQ(again->eos_id(), 2);
  size_t wrong = 0;
  const size_t rows = each_golden("encode-llama.jsonl.gz", [&](const Json& row) {
    Ids expected;
    for (const Json& id : *row.find("ids")->array()) expected.push_back(static_cast<int32_t>(*id.integer()));
    wrong += encode(*again, *row.find("text")->string()) != expected;
  });
  CHECK_EQ(rows, size_t{4381});
  CHECK_EQ(wrong, size_t{0});
}

TEST("tokenizer.json to sentencepiece: what sentencepiece cannot say is refused with the reason") {
  check_refused(read(kByteLevelJson), "its pieces are bytes, not characters");
  // Cut at spaces, and a space before the first word only.
  check_refused(read(kLlamaJson), "do more than write spaces as U+2581");
  SentencePieceModel model = small_model(
      {piece_of("a", -1), piece_of("b", -2), piece_of("ab", -3), piece_of("abab", -4), piece_of("ba", -5)});
  CHECK_OK(there_and_back(model).status());
  const auto written = write_tokenizer_json(model, {});
  CHECK_OK(written.status());
  const TokenizerJson whole = read(written.value());
  CHECK_OK(sentencepiece_of(whole).status());
  TokenizerJson json = whole;
  json.ignore_merges = true;
  check_refused(json, "ignore_merges is set");
  json = whole;
  json.merges.pop_back();
  check_refused(json, "its merge list is not every way to put its pieces together");
  json = whole;
  json.has_unk = false;
  check_refused(json, "it has no unk_token among its pieces");
  json = whole;
  json.added.push_back({.content = "tag", .id = 20, .special = false});
  check_refused(json, "nothing stands at id 8");
  json.added.back() = {.content = "tag", .id = 8, .special = false, .lstrip = true};
  check_refused(json, "takes white space or whole words");
}

TEST("tokenizer.json to sentencepiece: added tokens that are not special") {
  SentencePieceModel model = small_model({piece_of("a", -1), piece_of("b", -2), piece_of("ab", -3),
                                          piece_of("\xE2\x96\x81", -4), piece_of("x", -5)});
  const auto with = [&](bool dummy_prefix, const std::string& content, bool normalized) {
    model.normalizer_spec.add_dummy_prefix = dummy_prefix;
    const auto written = write_tokenizer_json(model, {});
    CHECK_OK(written.status());
    TokenizerJson json = read(written.value());
    json.added.push_back({.content = content, .id = 8, .special = false, .normalized = normalized});
    return json;
  };
  for (const bool normalized : {false, true}) {
    check_refused(with(true, "tag", normalized),
                  "a space is put before the text behind the added token \"tag\"");
    for (const char* content : {"a b", "a\xE2\x96\x81", " "})
      check_refused(with(false, content, normalized), "holds a space or U+2581");
    // What is not refused encodes alike.
    for (const char* content : {"tag", "t", "axb"}) {
      auto made = sentencepiece_of(with(false, content, normalized));
      CHECK_OK(made.status());
      if (!made.ok()) continue;
      const auto theirs = JsonTokenizer::create(with(false, content, normalized));
      CHECK_OK(theirs.status());
      const auto ours = tokenizer_of(made.take());
      for (const char* text : {"tag", "a tag b", "tagtag", " tag  ab", "xtagabx", "axb ab a b bx", "taag"}) {
        Ids expected;
        CHECK_OK(theirs.value()->encode(text, &expected));
        CHECK(encode(*ours, text) == expected);
      }
    }
  }
}

TEST("tokenizer.json to sentencepiece: without a normalizer and a pre_tokenizer it is refused") {
  SentencePieceModel model = small_model({piece_of("a", -1)});
  const auto written = write_tokenizer_json(model, {});
  CHECK_OK(written.status());
  TokenizerJson json = read(written.value());
  json.normalizer.clear();
  json.pre_tokenizer.clear();
  check_refused(json, "do more than write spaces as U+2581");
}
