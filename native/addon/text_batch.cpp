#include "native/addon/text_batch.h"

#include <algorithm>

#include "native/addon/arguments.h"
#include "native/addon/errors.h"

namespace belle::addon {
namespace {

constexpr size_t kMostUnits = size_t{1} << 30;

}  // namespace

TextBatch TextBatch::of_string(const Napi::Value& value, const std::string& name) {
  TextBatch batch;
  if (!batch.add(value.Env(), value))
    throw_argument(value.Env(), name + " must be a string, not " + describe(value) + ".");
  return batch;
}

TextBatch TextBatch::of_strings(const Napi::Value& value, const std::string& name) {
  if (!value.IsArray())
    throw_argument(value.Env(), name + " must be an array of strings, not " + describe(value) + ".");
  constexpr uint32_t kScope = 256;  // handles are freed after so many texts: a scope costs as much as a text
  TextBatch batch;
  const Napi::Env env = value.Env();
  const Napi::Array array = value.As<Napi::Array>();
  const uint32_t count = array.Length();
  batch.ends_.reserve(count);
  for (uint32_t i = 0; i < count;) {
    const Napi::HandleScope scope(env);
    for (const uint32_t end = std::min(count, i + kScope); i < end; ++i) {
      const Napi::Value text = array.Get(i);
      if (!batch.add(env, text))
        throw_argument(env,
                       name + "[" + std::to_string(i) + "] must be a string, not " + describe(text) + ".");
    }
  }
  return batch;
}

bool TextBatch::add(napi_env env, napi_value value) {
  const size_t begin = ends_.empty() ? 0 : ends_.back();
  size_t length = 0;
  // Mostly there is room; whether it was enough shows in room that is left. Node-API counts it in 32 bits; no
  // string is as long as that.
  const size_t room = std::min(room_ - begin, kMostUnits);
  if (room > 1 && napi_get_value_string_utf16(env, value, units_.get() + begin, room, &length) != napi_ok)
    return false;
  if (length + 2 > room) {  // with the NUL that Node-API writes
    if (napi_get_value_string_utf16(env, value, nullptr, 0, &length) != napi_ok) return false;
    grow(begin + length + 2);
    napi_get_value_string_utf16(env, value, units_.get() + begin, length + 1, &length);
  }
  ends_.push_back(begin + length);
  return true;
}

void TextBatch::grow(size_t most) {
  const size_t room = std::max(most, 2 * room_);
  auto units = std::make_unique_for_overwrite<char16_t[]>(room);
  if (!ends_.empty()) std::copy_n(units_.get(), ends_.back(), units.get());
  units_ = std::move(units);
  room_ = room;
}

}  // namespace belle::addon
