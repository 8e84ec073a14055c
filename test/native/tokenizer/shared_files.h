#pragma once
// The shared tokenizer models and reference encodings, where they are present.
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "native/core/json.h"
#include "native/core/mapped_file.h"
#include "native/tokenizer/sentencepiece_model.h"
#include "test/native/check.h"

namespace belle::tokenizer {

inline std::string shared_model(const std::string& name) {
  const std::string folder = test::shared_folder();
  if (folder.empty()) test::skip("the shared folder (../shared or BELLE_SHARED) is absent");
  return folder.empty() ? "" : folder + "/data/tokenizers/" + name;
}

// Calls use(row) for every JSON line of goldens/tokenizer/<name>; returns the number of rows.
inline size_t each_golden(const std::string& name, const std::function<void(const Json&)>& use) {
  const std::string path = test::shared_folder() + "/goldens/tokenizer/" + name;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("gzip -dc '" + path + "'").c_str(), "r"), pclose);
  std::string text;
  char block[1 << 16];
  for (size_t got; pipe && (got = fread(block, 1, sizeof block, pipe.get())) > 0;) text.append(block, got);
  size_t rows = 0;
  for (size_t begin = 0; begin < text.size(); ++rows) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const auto row = parse_json(std::string_view(text).substr(begin, end - begin));
    CHECK_OK(row.status());
    if (row.ok()) use(row.value());
    begin = end + 1;
  }
  return rows;
}

inline std::string file_bytes(const std::string& path) {
  const auto file = MappedFile::open(path);
  CHECK_OK(file.status());
  if (!file.ok()) return "";
  const auto bytes = file.value().bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::span<const uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace belle::tokenizer
