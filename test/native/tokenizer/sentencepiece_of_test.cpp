// From a sentencepiece model to tokenizer.json and back.
#include "native/tokenizer/export/sentencepiece_of.h"

#include "native/tokenizer/export/tokenizer_json_writer.h"
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
