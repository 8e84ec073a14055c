#pragma once
// tiktoken rank files: one line a token, its bytes in base64, a space, its rank, which is its id. A piece of
// text that is a token is that token; else neighbours merge as long as together they are a token, lowest rank
// first.
#include <map>
#include <string>
#include <string_view>

#include "native/core/status.h"
#include "native/tokenizer/json/tokenizer_json.h"

namespace belle::tokenizer {

// The same tokenizer in the terms of a tokenizer.json: byte-level pieces, every pair of tokens that makes a
// token a merge. splitter: a name of split_rules.h. special: sought in the text before anything else, longest
// first. invalid_data names the line. All 256 single bytes must be there, as tiktoken itself demands.
Result<TokenizerJson> read_tiktoken_ranks(std::string_view file, const std::string& splitter,
                                          const std::map<std::string, int32_t>& special);

}  // namespace belle::tokenizer
