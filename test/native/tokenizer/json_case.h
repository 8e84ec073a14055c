#pragma once
// What the tests of JSON tokenizers share.
#include <ctime>
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

// Of the processor: what else the machine does is not ours.
inline double seconds(const std::function<void()>& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

inline std::string repeated(std::string_view part, size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += part;
  return out;
}

}  // namespace belle::tokenizer
