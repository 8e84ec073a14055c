// tokenizer.json as Hugging Face's tokenizers writes it itself, part by part, and what is refused.
#include "native/core/json.h"
#include "native/tokenizer/export/tokenizer_json_writer.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

constexpr HfTokenizerOptions kNothingAdded{.add_bos = false};

std::string written(const SentencePieceModel& model, const HfTokenizerOptions& options = kNothingAdded) {
  auto text = write_tokenizer_json(model, options);
  CHECK_OK(text.status());
  return text.ok() ? text.take() : "{}";
}

Json parsed(const SentencePieceModel& model, const HfTokenizerOptions& options = kNothingAdded) {
  auto json = parse_json(written(model, options));
  CHECK_OK(json.status());
  return json.ok() ? json.take() : Json();
}

std::string part(const Json& json, const char* name) {
  const Json* found = json.find(name);
  return found ? found->dump() : "absent";
}

SentencePieceModel llama_like() {
  SentencePieceModel model = small_model({piece_of("▁", -4), piece_of("a", -5), piece_of("▁a", -1)});
  model.normalizer_spec.add_dummy_prefix = true;
  add_byte_pieces(&model);
  return model;
}

void check_unsupported(const SentencePieceModel& model, const std::string& why) {
  const Status status = write_tokenizer_json(model, kNothingAdded).status();
  CHECK_EQ(static_cast<int>(status.code()), static_cast<int>(StatusCode::unsupported));
  if (!contains(status.message(), why)) test::fail(__FILE__, __LINE__, why + " not in: " + status.message());
}

}  // namespace

TEST("export json: the whole file of a small model") {
  const std::string token = R"(",
      "single_word": false,
      "lstrip": false,
      "rstrip": false,
      "normalized": false,
      "special": true
    })";
  CHECK_EQ(written(small_model({piece_of("a", -2), piece_of("\"\\\n", -3), piece_of("aa", -1)})),
           R"({
  "version": "1.0",
  "truncation": null,
  "padding": null,
  "added_tokens": [
    {
      "id": 0,
      "content": "<unk>)" +
               token +
               R"(,
    {
      "id": 1,
      "content": "<s>)" +
               token +
               R"(,
    {
      "id": 2,
      "content": "</s>)" +
               token +
               R"(
  ],
  "normalizer": {
    "type": "Sequence",
    "normalizers": [
      {
        "type": "Replace",
        "pattern": {
          "String": " "
        },
        "content": "▁"
      }
    ]
  },
  "pre_tokenizer": null,
  "post_processor": null,
  "decoder": {
    "type": "Sequence",
    "decoders": [
      {
        "type": "Replace",
        "pattern": {
          "String": "▁"
        },
        "content": " "
      },
      {
        "type": "Fuse"
      }
    ]
  },
  "model": {
    "type": "BPE",
    "dropout": null,
    "unk_token": "<unk>",
    "continuing_subword_prefix": null,
    "end_of_word_suffix": null,
    "fuse_unk": true,
    "byte_fallback": false,
    "ignore_merges": false,
    "vocab": {
      "<unk>": 0,
      "<s>": 1,
      "</s>": 2,
      "a": 3,
      "\"\\\n": 4,
      "aa": 5
    },
    "merges": [
      [
        "a",
        "a"
      ]
    ]
  }
})");
}

TEST("export json: LLaMA's dummy prefix, legacy and not") {
  const Json legacy = parsed(llama_like());
  CHECK_EQ(part(legacy, "normalizer"),
           R"({"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},)"
           R"({"type":"Replace","pattern":{"String":" "},"content":"▁"}]})");
  CHECK_EQ(part(legacy, "pre_tokenizer"), "null");
  CHECK_EQ(part(legacy, "decoder"),
           R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},)"
           R"({"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]})");
  const Json first = parsed(llama_like(), {.legacy = false});
  CHECK_EQ(part(first, "normalizer"), "null");
  CHECK_EQ(part(first, "pre_tokenizer"),
           R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false})");
  const Json* model = first.find("model");
  CHECK(model && part(*model, "byte_fallback") == "true");
  CHECK(model && model->find("vocab")->object()->size() == 262);
}

TEST("export json: without a dummy prefix both ways are one") {
  SentencePieceModel model = llama_like();
  model.normalizer_spec.add_dummy_prefix = false;
  CHECK_EQ(written(model), written(model, {.legacy = false, .add_bos = false}));
}

TEST("export json: extra white space is removed as sentencepiece does") {
  SentencePieceModel model = llama_like();
  model.normalizer_spec.remove_extra_whitespaces = true;
  const std::string before =
      R"({"type":"Sequence","normalizers":[{"type":"Replace","pattern":{"Regex":"\\A +"},"content":""},)"
      R"({"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "},)";
  const std::string after = R"({"type":"Replace","pattern":{"String":" "},"content":"▁"},)"
                            R"({"type":"Replace","pattern":{"Regex":"▁+\\z"},"content":""}]})";
  CHECK_EQ(part(parsed(model), "normalizer"), before + R"({"type":"Prepend","prepend":"▁"},)" + after);
  CHECK_EQ(part(parsed(model, {.legacy = false}), "normalizer"), before + after);
}

TEST("export json: BOS and EOS stand in the template where they are asked for") {
  CHECK_EQ(part(parsed(llama_like(), {.add_bos = true, .add_eos = true}), "post_processor"),
           R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},)"
           R"({"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],)"
           R"("pair":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},)"
           R"({"SpecialToken":{"id":"</s>","type_id":0}},{"SpecialToken":{"id":"<s>","type_id":1}},)"
           R"({"Sequence":{"id":"B","type_id":1}},{"SpecialToken":{"id":"</s>","type_id":1}}],)"
           R"("special_tokens":{"</s>":{"id":"</s>","ids":[2],"tokens":["</s>"]},)"
           R"("<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}})");
  SentencePieceModel model = llama_like();
  model.trainer_spec.bos_piece = "<bos>";
  const Status status = write_tokenizer_json(model, {}).status();
  CHECK_EQ(static_cast<int>(status.code()), static_cast<int>(StatusCode::invalid_argument));
  CHECK(contains(status.message(), "<bos>"));
}

TEST("export json: added tokens are the pieces that are not text, special but for the user's own") {
  SentencePieceModel model = small_model({piece_of("a", -1), piece_of("<|im|>", 0, PieceType::user_defined),
                                          piece_of("<x>", 0, PieceType::control), piece_of("<pad>", 0)});
  std::string found;
  const Json json = parsed(model, {.add_bos = false, .pad_piece = "<pad>"});
  for (const Json& token : *json.find("added_tokens")->array())
    found += part(token, "id") + part(token, "content") + part(token, "special") + " ";
  CHECK_EQ(found, R"(0"<unk>"true 1"<s>"true 2"</s>"true 4"<|im|>"false 5"<x>"true 6"<pad>"true )");
}

TEST("export json: what cannot be said is refused by name") {
  SentencePieceModel model = llama_like();
  model.trainer_spec.model_type = ModelType::unigram;
  check_unsupported(model, "BPE");
  model = llama_like();
  model.pieces[4].type = PieceType::unused;
  check_unsupported(model, "piece 4 is of type UNUSED");
  model = llama_like();
  model.normalizer_spec.escape_whitespaces = false;
  check_unsupported(model, "escape_whitespaces");
  model = llama_like();
  model.trainer_spec.treat_whitespace_as_suffix = true;
  check_unsupported(model, "treat_whitespace_as_suffix");
  model = llama_like();
  model.pieces[4].piece.clear();
  CHECK_REFUSED(write_tokenizer_json(model, {}).status(), "piece 4");
}

TEST("export json: a charsmap only where its differences are accepted") {
  SentencePieceModel model = llama_like();
  // Base64 of lengths 0, 1 and 2 modulo 3; the blob is not looked at here.
  for (const auto& [blob, text] : {std::pair("\xFF\xEE\x01", "/+4B"), {"ab", "YWI="}, {"a", "YQ=="}}) {
    model.normalizer_spec.precompiled_charsmap = blob;
    check_unsupported(model, "inexact_charsmap");
    CHECK_EQ(
        part(parsed(model, {.inexact_charsmap = true}), "normalizer").substr(0, 100),
        (std::string(R"({"type":"Sequence","normalizers":[{"type":"Precompiled","precompiled_charsmap":")") +
         text + R"("},{"type":"Prepend","prepend":"▁"},)")
            .substr(0, 100));
  }
}
