#pragma once
// TextReader: JavaScript strings as they are, UTF-16, a few at a time: other threads can work on what has
// been read while the JavaScript thread copies more.
#include <napi.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace belle::addon {

class TextReader {
 public:
  // The array must outlive the reader. Throws where it is none.
  TextReader(const Napi::Value& array, std::string name);
  // One text, read at once.
  static std::u16string text(const Napi::Value& value, const std::string& name);

  size_t size() const { return size_; }  // texts
  // Appends the next texts, some hundreds at the most; nothing when all have been read. They stay where they
  // are as long as the reader lives. Throws, naming the place, where one is no string.
  void read(std::vector<std::u16string_view>* texts);

 private:
  bool add(napi_env env, napi_value value, std::vector<std::u16string_view>* texts);

  Napi::Array array_;
  std::string name_;
  uint32_t next_ = 0, size_;
  std::vector<std::unique_ptr<char16_t[]>> blocks_;
  char16_t* free_ = nullptr;  // of the last block
  size_t room_ = 0;
};

}  // namespace belle::addon
