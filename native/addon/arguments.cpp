#include "native/addon/arguments.h"

#include <array>
#include <cmath>
#include <limits>

#include "native/addon/errors.h"

namespace belle::addon {
namespace {

const char* typed_array_name(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
      return "an Int8Array";
    case napi_uint8_array:
      return "a Uint8Array";
    case napi_uint8_clamped_array:
      return "a Uint8ClampedArray";
    case napi_int16_array:
      return "an Int16Array";
    case napi_uint16_array:
      return "a Uint16Array";
    case napi_int32_array:
      return "an Int32Array";
    case napi_uint32_array:
      return "a Uint32Array";
    case napi_float32_array:
      return "a Float32Array";
    case napi_float64_array:
      return "a Float64Array";
    case napi_bigint64_array:
      return "a BigInt64Array";
    case napi_biguint64_array:
      return "a BigUint64Array";
    default:
      return "a typed array";
  }
}

[[noreturn]] void wrong(const Napi::Value& value, const std::string& name, const std::string& wanted) {
  throw_argument(value.Env(), name + " must be " + wanted + ", not " + describe(value) + ".");
}

bool is_typed(const Napi::Value& value, napi_typedarray_type type) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
}

}  // namespace

std::string describe(const Napi::Value& value) {
  if (value.IsEmpty() || value.IsUndefined()) return "undefined";
  if (value.IsNull()) return "null";
  if (value.IsString()) return "a string";
  if (value.IsNumber()) return value.ToString().Utf8Value();
  if (value.IsBoolean()) return value.ToString().Utf8Value();
  if (value.IsBigInt()) return "a bigint";
  if (value.IsSymbol()) return "a symbol";
  if (value.IsFunction()) return "a function";
  if (value.IsTypedArray()) return typed_array_name(value.As<Napi::TypedArray>().TypedArrayType());
  if (value.IsArray()) return "an array";
  return "an object";
}

std::string string_argument(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) wrong(value, name, "a string");
  return value.As<Napi::String>().Utf8Value();  // lone surrogates become U+FFFD
}

std::string path_argument(const Napi::Value& value, const std::string& name) {
  std::string path = string_argument(value, name);
  if (path.empty()) throw_argument(value.Env(), name + " is empty; give a path.");
  if (path.find('\0') != std::string::npos) throw_argument(value.Env(), name + " holds a NUL character.");
  return path;
}

int64_t integer_argument(const Napi::Value& value, const std::string& name, int64_t min, int64_t max) {
  const std::string wanted = max == kMaxInteger
                                 ? "an integer of at least " + std::to_string(min)
                                 : "an integer from " + std::to_string(min) + " to " + std::to_string(max);
  if (!value.IsNumber()) wrong(value, name, wanted);
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(std::floor(number) == number) || number < static_cast<double>(min) ||
      number > static_cast<double>(max)) {
    wrong(value, name, wanted);
  }
  return static_cast<int64_t>(number);
}

double number_argument(const Napi::Value& value, const std::string& name) {
  if (!value.IsNumber() || !std::isfinite(value.As<Napi::Number>().DoubleValue())) {
    wrong(value, name, "a finite number");
  }
  return value.As<Napi::Number>().DoubleValue();
}

bool boolean_argument(const Napi::Value& value, const std::string& name) {
  if (!value.IsBoolean()) wrong(value, name, "true or false");
  return value.As<Napi::Boolean>().Value();
}

Napi::Object object_argument(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject() || value.IsArray() || value.IsFunction()) wrong(value, name, "an object");
  return value.As<Napi::Object>();
}

std::vector<std::string> strings_argument(const Napi::Value& value, const std::string& name) {
  if (!value.IsArray()) wrong(value, name, "an array of strings");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<std::string> strings;
  strings.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::HandleScope scope(value.Env());
    strings.push_back(string_argument(array.Get(i), name + "[" + std::to_string(i) + "]"));
  }
  return strings;
}

std::vector<int32_t> int32_argument(const Napi::Value& value, const std::string& name) {
  if (!is_typed(value, napi_int32_array)) wrong(value, name, "an Int32Array");
  const Napi::Int32Array array = value.As<Napi::Int32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<int32_t> ids_argument(const Napi::Value& value, const std::string& name) {
  if (!is_typed(value, napi_uint32_array)) wrong(value, name, "a Uint32Array of token ids");
  const Napi::Uint32Array array = value.As<Napi::Uint32Array>();
  std::vector<int32_t> ids(array.ElementLength());
  for (size_t i = 0; i < ids.size(); ++i) {
    const uint32_t id = array.Data()[i];  // once: shared memory may change between two reads
    if (id > static_cast<uint32_t>(std::numeric_limits<int32_t>::max())) {
      throw_argument(value.Env(),
                     name + "[" + std::to_string(i) + "] = " + std::to_string(id) + " is not a token id.");
    }
    ids[i] = static_cast<int32_t>(id);
  }
  return ids;
}

std::vector<std::vector<int32_t>> id_lists_argument(const Napi::Value& value, const std::string& name) {
  if (!value.IsArray()) wrong(value, name, "an array of Uint32Array");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<std::vector<int32_t>> lists;
  lists.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::HandleScope scope(value.Env());
    lists.push_back(ids_argument(array.Get(i), name + "[" + std::to_string(i) + "]"));
  }
  return lists;
}

std::span<const uint8_t> bytes_argument(const Napi::Value& value, const std::string& name) {
  if (!is_typed(value, napi_uint8_array)) wrong(value, name, "a Uint8Array");
  const Napi::Uint8Array array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ElementLength()};
}

Napi::Value callback_argument(const Napi::Value& value, const std::string& name) {
  if (!value.IsUndefined() && !value.IsFunction()) wrong(value, name, "a function or undefined");
  return value;
}

Napi::Object tagged(const Napi::CallbackInfo& info, size_t index, const napi_type_tag& tag, const char* name,
                    const char* what) {
  const Napi::Value value = info[index];
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&tag)) wrong(value, name, what);
  return value.As<Napi::Object>();
}

Options::Options(const Napi::Value& value, std::string name)
    : object_(object_argument(value, name)), name_(std::move(name)) {}

size_t Options::one_of(const char* key, std::span<const char* const> words) const {
  return one_of_argument(get(key), path(key), words);
}

size_t one_of_argument(const Napi::Value& value, const std::string& name,
                       std::span<const char* const> words) {
  const std::string text = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  std::string wanted = "one of";
  for (size_t i = 0; i < words.size(); ++i) {
    if (value.IsString() && text == words[i]) return i;
    wanted += std::string(i == 0 ? " \"" : ", \"") + words[i] + "\"";
  }
  if (!value.IsString()) wrong(value, name, wanted);
  throw_argument(value.Env(), name + " must be " + wanted + ", not \"" + text + "\".");
}

DType dtype_option(const Options& options, const char* key) {
  constexpr std::array<const char*, 2> words = {"float32", "bfloat16"};
  return options.one_of(key, words) == 0 ? DType::f32 : DType::bf16;
}

}  // namespace belle::addon
