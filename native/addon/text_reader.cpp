#include "native/addon/text_reader.h"

#include <algorithm>
#include <utility>

#include "native/addon/arguments.h"
#include "native/addon/errors.h"

namespace belle::addon {
namespace {

constexpr uint32_t kTexts = 256;  // handles are freed after so many: a scope costs as much as a text
constexpr size_t kBlockUnits = 64 << 10;

[[noreturn]] void no_string(const Napi::Value& value, const std::string& name) {
  throw_argument(value.Env(), name + " must be a string, not " + describe(value) + ".");
}

}  // namespace

TextReader::TextReader(const Napi::Value& array, std::string name) : name_(std::move(name)) {
  if (!array.IsArray())
    throw_argument(array.Env(), name_ + " must be an array of strings, not " + describe(array) + ".");
  array_ = array.As<Napi::Array>();
  size_ = array_.Length();
}

std::u16string TextReader::text(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) no_string(value, name);
  return value.As<Napi::String>().Utf16Value();
}

void TextReader::read(std::vector<std::u16string_view>* texts) {
  const Napi::Env env = array_.Env();
  const Napi::HandleScope scope(env);
  for (const uint32_t end = std::min(size_, next_ + kTexts); next_ < end; ++next_) {
    const Napi::Value value = array_.Get(next_);
    if (!add(env, value, texts)) no_string(value, name_ + "[" + std::to_string(next_) + "]");
  }
}

// False: no string. Mostly the block has room; whether it was enough shows in room that is left.
bool TextReader::add(napi_env env, napi_value value, std::vector<std::u16string_view>* texts) {
  size_t length = 0;
  if (room_ > 1 && napi_get_value_string_utf16(env, value, free_, room_, &length) != napi_ok) return false;
  if (length + 2 > room_) {  // with the NUL that Node-API writes
    if (napi_get_value_string_utf16(env, value, nullptr, 0, &length) != napi_ok) return false;
    const size_t block = std::max(length + 2, kBlockUnits);
    blocks_.push_back(std::make_unique_for_overwrite<char16_t[]>(block));
    free_ = blocks_.back().get();
    room_ = block;
    napi_get_value_string_utf16(env, value, free_, length + 1, &length);
  }
  texts->emplace_back(free_, length);
  free_ += length;
  room_ -= length;
  return true;
}

}  // namespace belle::addon
