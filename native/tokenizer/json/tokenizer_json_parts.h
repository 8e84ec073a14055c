#pragma once
// The small parts of a tokenizer.json, each a JSON value of its own: normalizer, pre_tokenizer, decoder,
// post_processor.
#include <string_view>

#include "native/tokenizer/json/tokenizer_json.h"

namespace belle::tokenizer {

// Each fills its fields of *out; `text` is valid JSON. unsupported names the part and the type that is not
// done here.
Status parse_normalizer(std::string_view text, TokenizerJson* out);
Status parse_pre_tokenizer(std::string_view text, TokenizerJson* out);
Status parse_decoder(std::string_view text, TokenizerJson* out);
Status parse_post_processor(std::string_view text, TokenizerJson* out);

}  // namespace belle::tokenizer
