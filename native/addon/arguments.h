#pragma once
// Checks of what JS passes in. Every message names the argument, what it must be, and what it was.
// ts/ checks too and speaks of its own option names; these are for callers of the binding and for our own
// mistakes.
#include <napi.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "native/core/dtype.h"

namespace belle::addon {

// The largest integer a JS number holds exactly, 2^53 - 1.
constexpr int64_t kMaxInteger = 9007199254740991;

// "a string", "a Float32Array", "undefined": for messages.
std::string describe(const Napi::Value& value);

std::string string_argument(const Napi::Value& value, const std::string& name);
// A string without NUL, which the file system would cut it at.
std::string path_argument(const Napi::Value& value, const std::string& name);
int64_t integer_argument(const Napi::Value& value, const std::string& name, int64_t min,
                         int64_t max = kMaxInteger);
double number_argument(const Napi::Value& value, const std::string& name);  // finite
bool boolean_argument(const Napi::Value& value, const std::string& name);
Napi::Object object_argument(const Napi::Value& value, const std::string& name);
std::vector<std::string> strings_argument(const Napi::Value& value, const std::string& name);
// Copies: the caller may change the array while a thread works.
std::vector<int32_t> int32_argument(const Napi::Value& value, const std::string& name);
// Uint32Array of token ids; one above 2^31 - 1 is refused.
std::vector<int32_t> ids_argument(const Napi::Value& value, const std::string& name);
std::vector<std::vector<int32_t>> id_lists_argument(const Napi::Value& value, const std::string& name);
// A view, valid until JS runs again.
std::span<const uint8_t> bytes_argument(const Napi::Value& value, const std::string& name);
// undefined or a function.
Napi::Value callback_argument(const Napi::Value& value, const std::string& name);

// An object of one of our classes.
Napi::Object tagged(const Napi::CallbackInfo& info, size_t index, const napi_type_tag& tag, const char* name,
                    const char* what);

// The members of an options object, each under the name "<name>.<key>".
class Options {
 public:
  Options(const Napi::Value& value, std::string name);
  Napi::Value get(const char* key) const { return object_.Get(key); }
  std::string path(const char* key) const { return name_ + "." + key; }
  std::string string(const char* key) const { return string_argument(get(key), path(key)); }
  std::string file(const char* key) const { return path_argument(get(key), path(key)); }
  int64_t integer(const char* key, int64_t min, int64_t max = kMaxInteger) const {
    return integer_argument(get(key), path(key), min, max);
  }
  double number(const char* key) const { return number_argument(get(key), path(key)); }
  bool boolean(const char* key) const { return boolean_argument(get(key), path(key)); }
  std::vector<std::string> strings(const char* key) const { return strings_argument(get(key), path(key)); }
  // The index of a word in `words`; the message lists them.
  size_t one_of(const char* key, std::span<const char* const> words) const;

 private:
  Napi::Object object_;
  std::string name_;
};

// "float32" or "bfloat16".
DType dtype_option(const Options& options, const char* key);

// The index of `value` in `words`.
size_t one_of_argument(const Napi::Value& value, const std::string& name, std::span<const char* const> words);

}  // namespace belle::addon
