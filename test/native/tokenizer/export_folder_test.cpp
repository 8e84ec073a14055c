// The files beside tokenizer.json: what transformers is told.
#include "native/core/json.h"
#include "native/tokenizer/export/hf_folder_writer.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

SentencePieceModel llama_like() {
  SentencePieceModel model = small_model({piece_of("▁", -4), piece_of("<|im|>", 0, PieceType::control),
                                          piece_of("<tab>", 0, PieceType::user_defined)});
  model.normalizer_spec.add_dummy_prefix = true;
  add_byte_pieces(&model);
  return model;
}

HfTokenizerFiles files_of(const SentencePieceModel& model, const HfTokenizerOptions& options) {
  auto files = hf_tokenizer_files(model, options);
  CHECK_OK(files.status());
  return files.ok() ? files.take() : HfTokenizerFiles();
}

std::string config(const SentencePieceModel& model, const HfTokenizerOptions& options, const char* key) {
  const auto json = parse_json(files_of(model, options).tokenizer_config_json);
  CHECK_OK(json.status());
  const Json* value = json.ok() ? json.value().find(key) : nullptr;
  return value ? value->dump() : "absent";
}

}  // namespace

TEST("export folder: tokenizer_config.json") {
  const auto token = [](const char* content, const char* special) {
    return std::string("{\"content\":\"") + content +
           R"(","lstrip":false,"normalized":false,"rstrip":false,"single_word":false,"special":)" + special +
           "}";
  };
  const HfTokenizerFiles files =
      files_of(llama_like(), {.legacy = false, .add_eos = true, .model_max_length = 4096});
  const auto json = parse_json(files.tokenizer_config_json);
  CHECK_OK(json.status());
  if (!json.ok()) return;
  CHECK_EQ(json.value().dump(),
           R"({"add_bos_token":true,"add_eos_token":true,"added_tokens_decoder":{"0":)" +
               token("<unk>", "true") + ",\"1\":" + token("<s>", "true") + ",\"2\":" + token("</s>", "true") +
               ",\"4\":" + token("<|im|>", "true") + ",\"5\":" + token("<tab>", "false") +
               R"(},"additional_special_tokens":["<|im|>"],"bos_token":"<s>",)"
               R"("clean_up_tokenization_spaces":false,"eos_token":"</s>","legacy":false,)"
               R"("model_max_length":4096,"pad_token":null,"sp_model_kwargs":{},)"
               R"("tokenizer_class":"LlamaTokenizer","unk_token":"<unk>"})");
}

TEST("export folder: special_tokens_map.json names what there is") {
  CHECK_EQ(files_of(llama_like(), {}).special_tokens_map_json,
           "{\n  \"additional_special_tokens\": [\n    \"<|im|>\"\n  ],\n  \"bos_token\": \"<s>\",\n"
           "  \"eos_token\": \"</s>\",\n  \"unk_token\": \"<unk>\"\n}\n");
  CHECK_EQ(files_of(llama_like(), {.pad_piece = "<unk>"}).special_tokens_map_json,
           "{\n  \"additional_special_tokens\": [\n    \"<|im|>\"\n  ],\n  \"bos_token\": \"<s>\",\n"
           "  \"eos_token\": \"</s>\",\n  \"pad_token\": \"<unk>\",\n  \"unk_token\": \"<unk>\"\n}\n");
}

TEST("export folder: LlamaTokenizer only for models like LLaMA, and where wanted") {
  const std::string file = "\"PreTrainedTokenizerFast\"", llama = "\"LlamaTokenizer\"";
  CHECK_EQ(config(llama_like(), {}, "tokenizer_class"), llama);
  CHECK_EQ(config(llama_like(), {.llama_class = false}, "tokenizer_class"), file);
  SentencePieceModel model = llama_like();
  model.normalizer_spec.add_dummy_prefix = false;
  CHECK_EQ(config(model, {}, "tokenizer_class"), file);
  model = llama_like();
  model.normalizer_spec.remove_extra_whitespaces = true;
  CHECK_EQ(config(model, {}, "tokenizer_class"), file);
  CHECK_EQ(config(small_model({piece_of("a", 0)}), {}, "tokenizer_class"), file);
}

TEST("export folder: the padding token is the model's own, the one named, or none") {
  CHECK_EQ(config(llama_like(), {}, "pad_token"), "null");
  CHECK_EQ(config(llama_like(), {.pad_piece = "</s>"}, "pad_token"), "\"</s>\"");
  SentencePieceModel model = llama_like();
  model.pieces.push_back(piece_of("<pad>", 0, PieceType::control));
  CHECK_EQ(config(model, {}, "pad_token"), "\"<pad>\"");
  for (const char* absent : {"<none>", "<0x00>"}) {
    const Status status = hf_tokenizer_files(llama_like(), {.pad_piece = absent}).status();
    CHECK_EQ(static_cast<int>(status.code()), static_cast<int>(StatusCode::invalid_argument));
    CHECK(contains(status.message(), absent));
  }
}

TEST("export folder: a length that is not positive is refused") {
  for (const int64_t length : {int64_t{0}, int64_t{-1}})
    CHECK_EQ(static_cast<int>(hf_tokenizer_files(llama_like(), {.model_max_length = length}).status().code()),
             static_cast<int>(StatusCode::invalid_argument));
}

TEST("export folder: four files, of which the model reads back") {
  const std::string folder = test::temporary_folder();
  const HfTokenizerFiles files = files_of(llama_like(), {});
  CHECK_OK(write_hf_tokenizer(files, folder));
  CHECK_EQ(file_bytes(folder + "/tokenizer.json"), files.tokenizer_json);
  CHECK_EQ(file_bytes(folder + "/tokenizer_config.json"), files.tokenizer_config_json);
  CHECK_EQ(file_bytes(folder + "/special_tokens_map.json"), files.special_tokens_map_json);
  const std::string bytes = file_bytes(folder + "/tokenizer.model");
  const auto model = parse_model(as_bytes(bytes));
  CHECK_OK(model.status());
  CHECK(model.ok() && serialize_model(model.value()) == serialize_model(llama_like()));
  CHECK(!write_hf_tokenizer(files, folder + "/absent").ok());
}
