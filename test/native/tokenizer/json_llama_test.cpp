// LLaMA's sentencepiece model written as a tokenizer.json in both of its forms: the ids are those of
// sentencepiece.
#include <algorithm>
#include <map>
#include <set>

#include "native/tokenizer/json/json_tokenizer.h"
#include "native/tokenizer/load_tokenizer.h"
#include "test/native/tokenizer/shared_files.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

const std::string kSpace = "\xE2\x96\x81";

// The merges Hugging Face makes of scored pieces: every split into two pieces, by score, then by the lengths.
Json::Array merges_of(const SentencePieceModel& model) {
  struct Merge {
    float score;
    size_t left_length, right_length;
    std::string left, right;
  };
  std::map<std::string_view, float> scores;
  for (const Piece& piece : model.pieces)
    if (piece.type == PieceType::normal) scores.emplace(piece.piece, piece.score);
  std::vector<Merge> merges;
  for (const auto& [piece, score] : scores) {
    for (size_t at = 1; at < piece.size(); ++at) {
      const auto left = piece.substr(0, at), right = piece.substr(at);
      if (scores.contains(left) && scores.contains(right))
        merges.push_back({score, left.size(), right.size(), std::string(left), std::string(right)});
    }
  }
  std::sort(merges.begin(), merges.end(), [](const Merge& a, const Merge& b) {
    return std::tuple(a.score, a.left_length, a.right_length, a.left) >
           std::tuple(b.score, b.left_length, b.right_length, b.left);
  });
  Json::Array out;
  for (Merge& merge : merges)
    out.push_back(Json::Array{Json(std::move(merge.left)), Json(std::move(merge.right))});
  return out;
}

std::string tokenizer_json(const SentencePieceModel& model, const char* normalizer,
                           const char* pre_tokenizer) {
  Json::Object vocab;
  Json::Array added;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    vocab.emplace_back(model.pieces[id].piece, Json(static_cast<int64_t>(id)));
    if (id < 3) {
      added.push_back(Json::Object{{"id", static_cast<int64_t>(id)},
                                   {"content", model.pieces[id].piece},
                                   {"single_word", false},
                                   {"lstrip", false},
                                   {"rstrip", false},
                                   {"normalized", false},
                                   {"special", true}});
    }
  }
  const auto part = [](const char* text) { return parse_json(text).take(); };
  const Json::Object bpe{{"type", "BPE"},         {"unk_token", "<unk>"},      {"fuse_unk", true},
                         {"byte_fallback", true}, {"vocab", std::move(vocab)}, {"merges", merges_of(model)}};
  return Json(Json::Object{
                  {"version", "1.0"},
                  {"added_tokens", std::move(added)},
                  {"normalizer", part(normalizer)},
                  {"pre_tokenizer", part(pre_tokenizer)},
                  {"post_processor",
                   part(R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
              {"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[1],
              "tokens":["<s>"]}}})")},
                  {"decoder",
                   part(R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},
              "content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,
              "stop":0}]})")},
                  {"model", bpe}})
      .dump();
}

void check(const char* normalizer, const char* pre_tokenizer) {
  const std::string path = shared_model("llama/tokenizer.model");
  if (path.empty()) return;
  const auto spm = load_tokenizer(path);
  CHECK_OK(spm.status());
  if (!spm.ok()) return;
  const auto made =
      JsonTokenizer::parse(tokenizer_json(*spm.value()->sentencepiece(), normalizer, pre_tokenizer));
  CHECK_OK(made.status());
  if (!made.ok()) return;
  const JsonTokenizer& t = *made.value();
  CHECK_EQ(t.json().merges.size(), size_t{61249});
  CHECK_EQ(t.bos_id(), 1);
  CHECK_EQ(t.eos_id(), 2);
  CHECK_EQ(t.unk_id(), 0);
  CHECK_EQ(t.pad_id(), -1);
  CHECK(t.json().template_prefix == std::vector<int32_t>{1} && t.json().template_suffix.empty());
  CHECK(t.kind(3) == JsonPieceKind::byte && t.kind(1) == JsonPieceKind::special);
  size_t wrong = 0, wrong_text = 0, special = 0;
  const size_t rows = each_golden("encode-llama.jsonl.gz", [&](const Json& row) {
    const std::string& text = *row.find("text")->string();
    std::vector<int32_t> expected, ids;
    for (const Json& id : *row.find("ids")->array()) expected.push_back(static_cast<int32_t>(*id.integer()));
    // Hugging Face reads added tokens in the text, and sees no first space twice: sentencepiece does
    // otherwise.
    for (const char* token : {"<s>", "</s>", "<unk>"})
      if (text.find(token) != text.npos) return void(++special);
    if (std::string_view(pre_tokenizer) != "null" && text.starts_with(' ')) return void(++special);
    if (text.starts_with(kSpace)) return void(++special);
    CHECK_OK(t.encode(text, &ids));
    if (ids != expected && wrong++ < 3) test::fail(__FILE__, __LINE__, "ids of: " + text);
    if (t.decode(ids, true) != *row.find("decoded")->string() && wrong_text++ < 3)
      test::fail(__FILE__, __LINE__, "decoded: " + t.decode(ids, true) + " for " + text);
  });
  CHECK_EQ(rows, size_t{4381});
  CHECK(special < 100);
  CHECK_EQ(wrong, size_t{0});
  CHECK_EQ(wrong_text, size_t{0});
}

}  // namespace

TEST("json llama: Prepend and Replace") {
  check(R"({"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace",
            "pattern":{"String":" "},"content":"▁"}]})",
        "null");
}
TEST("json llama: Metaspace") {
  check("null", R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false})");
}
