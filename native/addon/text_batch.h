#pragma once
// TextBatch: JavaScript strings as they are, UTF-16, in one piece of memory: the JavaScript thread only
// copies.
#include <napi.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace belle::addon {

class TextBatch {
 public:
  TextBatch() = default;
  static TextBatch of_string(const Napi::Value& value, const std::string& name);
  static TextBatch of_strings(const Napi::Value& value, const std::string& name);
  size_t size() const { return ends_.size(); }
  std::u16string_view operator[](size_t text) const {
    const size_t begin = text == 0 ? 0 : ends_[text - 1];
    return {units_.get() + begin, ends_[text] - begin};
  }

 private:
  bool add(napi_env env, napi_value value);  // false: no string
  void grow(size_t most);

  std::unique_ptr<char16_t[]> units_;
  size_t room_ = 0;
  std::vector<size_t> ends_;
};

}  // namespace belle::addon
