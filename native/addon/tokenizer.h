#pragma once
// NativeTokenizer: an immutable tokenizer, shared with the jobs that use it.
#include <napi.h>

#include <memory>
#include <vector>

#include "native/tokenizer/tokenizer.h"

namespace belle::addon {

using SharedTokenizer = std::shared_ptr<const tokenizer::Tokenizer>;

Napi::Object new_tokenizer(Napi::Env env, SharedTokenizer tokenizer);
// A NativeDecodeStream over it.
Napi::Object new_decode_stream(Napi::Env env, SharedTokenizer tokenizer);
// Ids of the vocabulary; another is refused.
std::vector<int32_t> known_ids_argument(const Napi::Value& value, const tokenizer::Tokenizer& tokenizer);
SharedTokenizer tokenizer_argument(const Napi::CallbackInfo& info, size_t index, const char* name);

}  // namespace belle::addon
