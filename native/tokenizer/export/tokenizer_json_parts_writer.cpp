#include "native/tokenizer/export/tokenizer_json_parts_writer.h"

#include <algorithm>

#include "native/tokenizer/space_symbol.h"

namespace belle::tokenizer {

namespace {

Json replace(const char* kind, std::string_view pattern, std::string_view content) {
  return Json::Object{{"type", "Replace"},
                      {"pattern", Json::Object{{kind, std::string(pattern)}}},
                      {"content", std::string(content)}};
}

// RFC 4648 with padding.
std::string base64(std::string_view bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t group = 0;
    for (size_t i = at; i < at + 3; ++i)
      group = group << 8 | (i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0u);
    for (int shift = 18; shift >= 0; shift -= 6) text += digits[group >> shift & 63];
  }
  for (size_t i = 0; i < (3 - bytes.size() % 3) % 3; ++i) text[text.size() - 1 - i] = '=';
  return text;
}

Json special_token(const std::string& piece, int type) {
  return Json::Object{{"SpecialToken", Json::Object{{"id", piece}, {"type_id", type}}}};
}

}  // namespace

Json json_added_tokens(const HfSpecialPieces& special) {
  Json::Array tokens;
  for (const AddedPiece& piece : special.added)
    tokens.push_back(Json::Object{{"id", piece.id},
                                  {"content", std::string(piece.text)},
                                  {"single_word", false},
                                  {"lstrip", false},
                                  {"rstrip", false},
                                  {"normalized", false},
                                  {"special", piece.special}});
  return tokens;
}

Json json_normalizer(const NormalizerSpec& spec, const HfTokenizerOptions& options) {
  const bool removes = spec.remove_extra_whitespaces;
  Json::Array steps;
  if (!spec.precompiled_charsmap.empty())
    steps.push_back(
        Json::Object{{"type", "Precompiled"}, {"precompiled_charsmap", base64(spec.precompiled_charsmap)}});
  // Not Strip, which takes every kind of white space; sentencepiece takes spaces.
  if (removes) {
    steps.push_back(replace("Regex", "\\A +", ""));
    steps.push_back(replace("Regex", " {2,}", " "));
  }
  if (spec.add_dummy_prefix && options.legacy)
    steps.push_back(Json::Object{{"type", "Prepend"}, {"prepend", std::string(kSpaceSymbol)}});
  const bool left_to_metaspace = spec.add_dummy_prefix && !options.legacy && !removes;
  if (!left_to_metaspace) steps.push_back(replace("String", " ", kSpaceSymbol));
  // At the end sentencepiece does not tell spaces from U+2581.
  if (removes) steps.push_back(replace("Regex", std::string(kSpaceSymbol) + "+\\z", ""));
  if (steps.empty()) return nullptr;
  return Json::Object{{"type", "Sequence"}, {"normalizers", std::move(steps)}};
}

Json json_pre_tokenizer(const NormalizerSpec& spec, const HfTokenizerOptions& options) {
  if (options.legacy || !spec.add_dummy_prefix) return nullptr;
  return Json::Object{{"type", "Metaspace"},
                      {"replacement", std::string(kSpaceSymbol)},
                      {"prepend_scheme", "first"},
                      {"split", false}};
}

Json json_post_processor(const SentencePieceModel& model, const HfSpecialPieces& special,
                         const HfTokenizerOptions& options) {
  if (!options.add_bos && !options.add_eos) return nullptr;
  const auto text = [&](int32_t id) { return model.pieces[static_cast<size_t>(id)].piece; };
  const auto add_sequence = [&](const char* name, int type, Json::Array* to) {
    if (options.add_bos) to->push_back(special_token(text(special.bos), type));
    to->push_back(Json::Object{{"Sequence", Json::Object{{"id", name}, {"type_id", type}}}});
    if (options.add_eos) to->push_back(special_token(text(special.eos), type));
  };
  Json::Array single, pair;
  add_sequence("A", 0, &single);
  add_sequence("A", 0, &pair);
  add_sequence("B", 1, &pair);
  std::vector<int32_t> ids;
  if (options.add_bos) ids.push_back(special.bos);
  if (options.add_eos && (ids.empty() || ids[0] != special.eos)) ids.push_back(special.eos);
  std::sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) { return text(a) < text(b); });
  Json::Object tokens;
  for (const int32_t id : ids)
    tokens.emplace_back(
        text(id),
        Json::Object{{"id", text(id)}, {"ids", Json::Array{id}}, {"tokens", Json::Array{text(id)}}});
  return Json::Object{{"type", "TemplateProcessing"},
                      {"single", std::move(single)},
                      {"pair", std::move(pair)},
                      {"special_tokens", std::move(tokens)}};
}

Json json_decoder(const SentencePieceModel& model) {
  Json::Array steps{replace("String", kSpaceSymbol, " ")};
  if (model.trainer_spec.byte_fallback) steps.push_back(Json::Object{{"type", "ByteFallback"}});
  steps.push_back(Json::Object{{"type", "Fuse"}});
  if (model.normalizer_spec.add_dummy_prefix)
    steps.push_back(Json::Object{{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return Json::Object{{"type", "Sequence"}, {"decoders", std::move(steps)}};
}

}  // namespace belle::tokenizer
