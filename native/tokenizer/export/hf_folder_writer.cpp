#include "native/tokenizer/export/hf_folder_writer.h"

#include "native/core/committed_file.h"
#include "native/core/json.h"
#include "native/tokenizer/export/tokenizer_json_writer.h"

namespace belle::tokenizer {

namespace {

bool like_llama(const SentencePieceModel& model) {
  const NormalizerSpec& normalizer = model.normalizer_spec;
  return model.trainer_spec.byte_fallback && normalizer.precompiled_charsmap.empty() &&
         normalizer.add_dummy_prefix && !normalizer.remove_extra_whitespaces;
}

struct Named {
  Json bos, eos, unk, pad;  // null when absent
  Json::Array others;       // special pieces without a role
};

Named names_of(const SentencePieceModel& model, const HfSpecialPieces& special) {
  const auto name = [&](int32_t id) -> Json {
    if (id < 0) return nullptr;
    return model.pieces[static_cast<size_t>(id)].piece;
  };
  Named named{name(special.bos), name(special.eos), name(special.unk), name(special.pad), {}};
  for (const AddedPiece& piece : special.added) {
    const bool has_role = piece.id == special.bos || piece.id == special.eos || piece.id == special.unk ||
                          piece.id == special.pad;
    if (piece.special && !has_role) named.others.push_back(std::string(piece.text));
  }
  return named;
}

std::string tokenizer_config(const SentencePieceModel& model, const HfSpecialPieces& special,
                             const HfTokenizerOptions& options) {
  Named named = names_of(model, special);
  Json::Object added;
  for (const AddedPiece& piece : special.added)
    added.emplace_back(std::to_string(piece.id), Json::Object{{"content", std::string(piece.text)},
                                                              {"lstrip", false},
                                                              {"normalized", false},
                                                              {"rstrip", false},
                                                              {"single_word", false},
                                                              {"special", piece.special}});
  Json::Object config{{"add_bos_token", options.add_bos},
                      {"add_eos_token", options.add_eos},
                      {"added_tokens_decoder", std::move(added)}};
  if (!named.others.empty()) config.emplace_back("additional_special_tokens", std::move(named.others));
  config.emplace_back("bos_token", std::move(named.bos));
  config.emplace_back("clean_up_tokenization_spaces", false);
  config.emplace_back("eos_token", std::move(named.eos));
  config.emplace_back("legacy", options.legacy);
  config.emplace_back("model_max_length", options.model_max_length);
  config.emplace_back("pad_token", std::move(named.pad));
  config.emplace_back("sp_model_kwargs", Json::Object());
  config.emplace_back("tokenizer_class", options.llama_class && like_llama(model)
                                             ? "LlamaTokenizer"
                                             : "PreTrainedTokenizerFast");
  config.emplace_back("unk_token", std::move(named.unk));
  return Json(std::move(config)).dump(2) + "\n";
}

std::string special_tokens_map(const SentencePieceModel& model, const HfSpecialPieces& special) {
  Named named = names_of(model, special);
  Json::Object map;
  if (!named.others.empty()) map.emplace_back("additional_special_tokens", std::move(named.others));
  const auto add = [&](const char* role, Json name) {
    if (!name.is_null()) map.emplace_back(role, std::move(name));
  };
  add("bos_token", std::move(named.bos));
  add("eos_token", std::move(named.eos));
  add("pad_token", std::move(named.pad));
  add("unk_token", std::move(named.unk));
  return Json(std::move(map)).dump(2) + "\n";
}

}  // namespace

Result<HfTokenizerFiles> hf_tokenizer_files(const SentencePieceModel& model,
                                            const HfTokenizerOptions& options) {
  HfTokenizerFiles files;
  BELLE_ASSIGN(files.tokenizer_json, write_tokenizer_json(model, options));
  BELLE_ASSIGN(const HfSpecialPieces special, hf_special_pieces(model, options));
  files.tokenizer_config_json = tokenizer_config(model, special, options);
  files.special_tokens_map_json = special_tokens_map(model, special);
  files.tokenizer_model = serialize_model(model);
  return files;
}

Status write_hf_tokenizer(const HfTokenizerFiles& files, const std::string& folder) {
  BELLE_TRY(write_committed_file(folder + "/tokenizer.model", files.tokenizer_model));
  BELLE_TRY(write_committed_file(folder + "/tokenizer.json", files.tokenizer_json));
  BELLE_TRY(write_committed_file(folder + "/special_tokens_map.json", files.special_tokens_map_json));
  return write_committed_file(folder + "/tokenizer_config.json", files.tokenizer_config_json);
}

}  // namespace belle::tokenizer
