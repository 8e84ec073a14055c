#pragma once
// ObjectWriter: a JS object of counts, flags and names, key by key.
#include <napi.h>

#include <string>
#include <vector>

#include "native/addon/job.h"

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
  void names(const char* key, const std::vector<std::string>& value) {
    object.Set(key, names_array(object.Env(), value));
  }
  Napi::Object object;
};

// An event { phase, done, total }.
inline void emit_progress(Job& job, const char* phase, uint64_t done, uint64_t total) {
  job.emit([phase, done, total](Napi::Env env) -> std::vector<napi_value> {
    ObjectWriter out(env);
    out.object.Set("phase", phase);
    out.count("done", done);
    out.count("total", total);
    return {out.object};
  });
}

}  // namespace belle::addon
