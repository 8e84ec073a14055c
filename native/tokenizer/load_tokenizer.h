#pragma once
// A tokenizer from its file: a sentencepiece .model, a Hugging Face tokenizer.json or a tiktoken rank file,
// told apart by what is inside. The one place that knows every kind.
#include <map>

#include "native/tokenizer/tokenizer.h"

namespace belle::tokenizer {

// What a tiktoken rank file does not say itself.
struct RankFileOptions {
  std::string splitter;  // a name of split_rules.h; "": by the number of ranks, where it is a known one
  std::map<std::string, int32_t> special;
};

// The message names the path.
Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::string& path, const RankFileOptions& ranks = {});
Result<std::unique_ptr<Tokenizer>> parse_tokenizer(std::span<const uint8_t> bytes,  // of such a file
                                                   const RankFileOptions& ranks = {});

}  // namespace belle::tokenizer
