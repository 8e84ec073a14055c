#pragma once
// What the tests of JSON tokenizers share.
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "native/tokenizer/json/json_tokenizer.h"
#include "test/native/check.h"

namespace belle::tokenizer {

using Ids = std::vector<int32_t>;

inline std::unique_ptr<JsonTokenizer> accepted(std::string_view json) {
  auto parsed = JsonTokenizer::parse(json);
  CHECK_OK(parsed.status());
  return parsed.ok() ? parsed.take() : nullptr;
}

inline Ids encode(const JsonTokenizer& tokenizer, std::string_view text) {
  Ids ids;
  CHECK_OK(tokenizer.encode(text, &ids));
  return ids;
}

inline double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

inline std::string repeated(std::string_view part, size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += part;
  return out;
}

}  // namespace belle::tokenizer
