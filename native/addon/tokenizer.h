#pragma once
// NativeTokenizer: an immutable tokenizer, shared with the jobs that use it.
#include <napi.h>

#include <memory>

#include "native/tokenizer/tokenizer.h"

namespace belle::addon {

using SharedTokenizer = std::shared_ptr<const tokenizer::Tokenizer>;

Napi::Object new_tokenizer(Napi::Env env, SharedTokenizer tokenizer);
SharedTokenizer tokenizer_argument(const Napi::CallbackInfo& info, size_t index, const char* name);

}  // namespace belle::addon
