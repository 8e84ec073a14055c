#pragma once
// ObjectWriter: a JS object of numbers, flags, texts and names, key by key.
#include <napi.h>

#include <string>
#include <vector>

namespace belle::addon {

inline Napi::Array names_array(Napi::Env env, const std::vector<std::string>& names) {
  Napi::Array array = Napi::Array::New(env, names.size());
  for (uint32_t i = 0; i < array.Length(); ++i) array.Set(i, Napi::String::New(env, names[i]));
  return array;
}

class ObjectWriter {
 public:
  explicit ObjectWriter(Napi::Env env) : object(Napi::Object::New(env)) {}
  void number(const char* key, double value) { object.Set(key, Napi::Number::New(object.Env(), value)); }
  template <class Integer>
  void count(const char* key, Integer value) {
    number(key, static_cast<double>(value));
  }
  void flag(const char* key, bool value) { object.Set(key, Napi::Boolean::New(object.Env(), value)); }
  void text(const char* key, const std::string& value) {
    object.Set(key, Napi::String::New(object.Env(), value));
  }
  void names(const char* key, const std::vector<std::string>& value) {
    object.Set(key, names_array(object.Env(), value));
  }
  Napi::Object object;
};

}  // namespace belle::addon
