#pragma once
// What a JsonTokenizer looks up while it encodes; private to json_tokenizer*.cpp.
#include <array>

#include "native/tokenizer/added_tokens.h"
#include "native/tokenizer/bpe_merger.h"
#include "native/tokenizer/json_tokenizer.h"

namespace belle::tokenizer {

struct JsonTokenizer::State {
  TokenizerJson json;
  BpeMerger merger;
  std::array<int32_t, 256> byte_level_atoms{};  // byte_level: the id of each byte's character, -1 absent
  std::array<int32_t, 256> byte_pieces{};       // <0x00> .. <0xFF>, -1 absent
  std::vector<int32_t> plane_atoms;  // otherwise: the id of each character below U+10000, -1 absent
  AddedTokens raw_added, normalized_added;
  std::vector<int32_t> added_by_id;  // index in json.added, -1 none
  std::map<std::string_view, int32_t> added_by_text;
  bool needs_origins = false;  // a step asks where its text comes from
  int32_t bos = -1, eos = -1, pad = -1;

  const AddedToken* added(int32_t id) const {
    if (id < 0 || static_cast<size_t>(id) >= added_by_id.size() || added_by_id[static_cast<size_t>(id)] < 0)
      return nullptr;
    return &json.added[static_cast<size_t>(added_by_id[static_cast<size_t>(id)])];
  }
};

}  // namespace belle::tokenizer
