#pragma once
// The tokenizer's files of a Hugging Face model folder.
#include <string>

#include "native/core/status.h"
#include "native/tokenizer/export/hf_special_pieces.h"
#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

struct HfTokenizerFiles {
  std::string tokenizer_json, tokenizer_config_json, special_tokens_map_json;
  std::string tokenizer_model;  // the sentencepiece model itself, which the slow tokenizers read
};

// Errors as write_tokenizer_json.
Result<HfTokenizerFiles> hf_tokenizer_files(const SentencePieceModel& model,
                                            const HfTokenizerOptions& options);

// The four files in `folder`, which exists; each appears whole, the configuration last.
Status write_hf_tokenizer(const HfTokenizerFiles& files, const std::string& folder);

}  // namespace belle::tokenizer
