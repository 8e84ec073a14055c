#pragma once
// What a JsonTokenizer looks up while it encodes; private to json_tokenizer*.cpp.
#include <array>
#include <map>

#include "native/tokenizer/json/added_tokens.h"
#include "native/tokenizer/json/json_tokenizer.h"
#include "native/tokenizer/ranked_encoder.h"

namespace belle::tokenizer {

struct JsonTokenizer::State {
  TokenizerJson json;
  RankedEncoder encoder{0, {}};
  std::array<int32_t, 256> byte_level_atoms{};  // byte_level: the id of each byte's character, -1 absent
  std::array<int32_t, 256> byte_pieces{};       // <0x00> .. <0xFF>, -1 absent
  std::vector<int32_t> plane_atoms;  // otherwise: the id of each character below U+10000, -1 absent
  AddedTokens raw_added, normalized_added;
  std::vector<int32_t> added_by_id;  // index in json.added, -1 none
  std::map<std::string_view, int32_t> added_by_text;
  // By index. Hugging Face decodes an added token to what is sought for it, the normalised content, and skips
  // it as special only if that is the content of a special token.
  std::vector<std::string> added_shown;
  std::vector<bool> added_skipped;
  std::optional<SplitRules> split;          // where words come about by nothing else
  std::shared_ptr<const void> words_owner;  // of words in a WordCache
  bool needs_origins = false;               // a step asks where its text comes from
  int32_t bos = -1, eos = -1, pad = -1;

  int32_t added_index(int32_t id) const {
    return id >= 0 && static_cast<size_t>(id) < added_by_id.size() ? added_by_id[static_cast<size_t>(id)]
                                                                   : -1;
  }
  const AddedToken* added(int32_t id) const {
    const int32_t index = added_index(id);
    return index < 0 ? nullptr : &json.added[static_cast<size_t>(index)];
  }
  // The text decoders start from; "" when nothing stands for the id.
  std::string_view shown(int32_t id) const {
    const int32_t index = added_index(id);
    if (index >= 0) return added_shown[static_cast<size_t>(index)];
    return json.vocabulary.has(id) ? json.vocabulary.text(id) : std::string_view();
  }
};

}  // namespace belle::tokenizer
