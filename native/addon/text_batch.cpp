#include "native/addon/text_batch.h"

#include <algorithm>

#include "native/addon/arguments.h"
#include "native/addon/errors.h"

namespace belle::addon {

TextBatch TextBatch::of_string(const Napi::Value& value, const std::string& name) {
  if (!value.IsString())
    throw_argument(value.Env(), name + " must be a string, not " + describe(value) + ".");
  TextBatch batch;
  batch.add(value);
  return batch;
}

TextBatch TextBatch::of_strings(const Napi::Value& value, const std::string& name) {
  if (!value.IsArray())
    throw_argument(value.Env(), name + " must be an array of strings, not " + describe(value) + ".");
  TextBatch batch;
  const Napi::Array array = value.As<Napi::Array>();
  const uint32_t count = array.Length();
  batch.ends_.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const Napi::HandleScope scope(value.Env());
    const Napi::Value text = array.Get(i);
    if (!text.IsString())
      throw_argument(value.Env(),
                     name + "[" + std::to_string(i) + "] must be a string, not " + describe(text) + ".");
    batch.add(text);
  }
  return batch;
}

void TextBatch::add(const Napi::Value& value) {
  const napi_env env = value.Env();
  size_t length = 0;
  napi_get_value_string_utf16(env, value, nullptr, 0, &length);
  const size_t begin = units_.size();
  if (begin + length + 1 > units_.capacity())
    units_.reserve(std::max(begin + length + 1, 2 * units_.capacity()));
  units_.resize(begin + length + 1);  // and the NUL that Node-API writes
  napi_get_value_string_utf16(env, value, units_.data() + begin, length + 1, &length);
  units_.resize(begin + length);
  ends_.push_back(units_.size());
}

}  // namespace belle::addon
