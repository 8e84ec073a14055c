#include "native/tokenizer/export/tokenizer_json_writer.h"

#include <algorithm>

#include "native/tokenizer/export/piece_merges.h"
#include "native/tokenizer/export/tokenizer_json_parts_writer.h"

namespace belle::tokenizer {

namespace {

Status refuse(const std::string& what) {
  return {StatusCode::unsupported, "a tokenizer.json cannot say what this model does: " + what};
}

// By hand: as a Json every piece would be there twice, and every merge cost a hundred bytes more.
void append_model(const SentencePieceModel& model, const std::vector<RankedPair>& merges, std::string* out) {
  std::vector<std::string> quoted;
  quoted.reserve(model.pieces.size());
  for (const Piece& piece : model.pieces) quoted.push_back(Json(piece.piece).dump());
  const auto text = [&](uint32_t id) -> const std::string& { return quoted[id]; };
  *out += "{\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": ";
  *out += text(static_cast<uint32_t>(model.unk_id()));
  *out += ",\n    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n";
  *out += "    \"fuse_unk\": true,\n    \"byte_fallback\": ";
  *out += model.trainer_spec.byte_fallback ? "true" : "false";
  *out += ",\n    \"ignore_merges\": false,\n    \"vocab\": {";
  for (uint32_t id = 0; id < quoted.size(); ++id) {
    *out += id > 0 ? ",\n      " : "\n      ";
    *out += text(id);
    *out += ": ";
    *out += std::to_string(id);
  }
  *out += "\n    },\n    \"merges\": [";
  for (size_t i = 0; i < merges.size(); ++i) {
    *out += i > 0 ? ",\n      [\n        " : "\n      [\n        ";
    *out += text(merges[i].left);
    *out += ",\n        ";
    *out += text(merges[i].right);
    *out += "\n      ]";
  }
  *out += merges.empty() ? "]\n  }" : "\n    ]\n  }";
}

}  // namespace

Status check_exportable(const SentencePieceModel& model, const HfTokenizerOptions& options) {
  BELLE_TRY(check_model(model));
  const NormalizerSpec& normalizer = model.normalizer_spec;
  if (model.trainer_spec.model_type != ModelType::bpe)
    return refuse("it is of another type than BPE; train one of that type, or merge its pieces into one");
  const auto unused = std::find_if(model.pieces.begin(), model.pieces.end(),
                                   [](const Piece& piece) { return piece.type == PieceType::unused; });
  if (unused != model.pieces.end())
    return refuse(
        "piece " + std::to_string(unused - model.pieces.begin()) +
        " is of type UNUSED, made by merges and then taken apart; make it NORMAL, or train without");
  if (!normalizer.escape_whitespaces)
    return refuse("normalizer_spec.escape_whitespaces is off; train with it on");
  if (normalizer.add_dummy_prefix && model.trainer_spec.treat_whitespace_as_suffix)
    return refuse("its dummy prefix goes to the end (treat_whitespace_as_suffix); train without");
  BELLE_ASSIGN(const std::optional<NormalizerSpec> denormalizer, parse_denormalizer(model));
  if (denormalizer && !denormalizer->precompiled_charsmap.empty())
    return refuse("it has a denormaliser (denormalizer_spec); train without");
  if (!normalizer.precompiled_charsmap.empty() && !options.inexact_charsmap)
    return refuse(
        "its normaliser \"" + normalizer.name +
        "\" has a charsmap, which Hugging Face applies to clusters of characters, so that some texts "
        "get other ids; train with the normaliser identity, or allow it with inexact_charsmap");
  return {};
}

Result<std::string> write_tokenizer_json(const SentencePieceModel& model, const HfTokenizerOptions& options) {
  BELLE_TRY(check_exportable(model, options));
  BELLE_ASSIGN(const HfSpecialPieces special, hf_special_pieces(model, options));
  BELLE_ASSIGN(const std::vector<RankedPair> merges, piece_merges(model.pieces, PieceTable(model.pieces)));
  const Json around = Json::Object{{"version", "1.0"},
                                   {"truncation", nullptr},
                                   {"padding", nullptr},
                                   {"added_tokens", json_added_tokens(special)},
                                   {"normalizer", json_normalizer(model.normalizer_spec, options)},
                                   {"pre_tokenizer", json_pre_tokenizer(model.normalizer_spec, options)},
                                   {"post_processor", json_post_processor(model, special, options)},
                                   {"decoder", json_decoder(model)}};
  std::string text = around.dump(2);
  text.resize(text.size() - 2);  // "\n}"
  text += ",\n  \"model\": ";
  append_model(model, merges, &text);
  text += "\n}";
  return text;
}

}  // namespace belle::tokenizer
