#include "native/tokenizer/load_tokenizer.h"

#include <algorithm>

#include "native/core/mapped_file.h"
#include "native/tokenizer/json/hf_tokenizer.h"
#include "native/tokenizer/json/split_rules.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"

namespace belle::tokenizer {

namespace {

enum class FileKind { sentencepiece, json, ranks };

// A model may begin with a line break and a brace: a field's key and 123, the length of its first piece. The
// next key there is no quotation mark; an object has one behind its brace and white space, or ends.
bool begins_object(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t brace = text.find_first_not_of(kSpace);
  if (brace == text.npos || text[brace] != '{') return false;
  if (!text.starts_with("\n{")) return true;
  const size_t next = text.find_first_not_of(kSpace, brace + 1);
  return next == text.npos || text[next] == '"' || text[next] == '}';
}

// A rank file begins with base64 and, in its first line, a space and digits.
FileKind kind_of(std::string_view text) {
  if (begins_object(text)) return FileKind::json;
  const std::string_view line = text.substr(0, std::min(text.find('\n'), size_t{4096}));
  const size_t space = line.find(' ');
  const auto all = [](std::string_view part, std::string_view allowed) {
    return !part.empty() && part.find_first_not_of(allowed) == part.npos;
  };
  if (space == line.npos || !all(line.substr(space + 1), "0123456789\r")) return FileKind::sentencepiece;
  return all(line.substr(0, space), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
             ? FileKind::ranks
             : FileKind::sentencepiece;
}

// The rank files that are about, by their number of ranks.
Result<std::string> splitter_of(std::string_view ranks, const std::string& asked) {
  if (!asked.empty()) return asked;
  const auto lines = static_cast<size_t>(std::count(ranks.begin(), ranks.end(), '\n')) +
                     (!ranks.empty() && ranks.back() != '\n');
  for (const auto& [count, name] : {std::pair<size_t, const char*>{50256, "gpt2"},
                                    {50280, "gpt2"},
                                    {100256, "cl100k_base"},
                                    {128000, "llama3"},
                                    {151643, "qwen2"},
                                    {199998, "o200k_base"}})
    if (count == lines) return std::string(name);
  return Status(StatusCode::invalid_argument,
                "a tiktoken rank file of " + std::to_string(lines) +
                    " ranks, which does not tell how it cuts text into words; name its splitter: " +
                    split_rules_names());
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::string& path, const RankFileOptions& ranks) {
  BELLE_ASSIGN(const MappedFile file, MappedFile::open(path));
  auto tokenizer = parse_tokenizer(file.bytes(), ranks);
  if (!tokenizer.ok()) return Status(tokenizer.status().code(), path + ": " + tokenizer.status().message());
  return tokenizer;
}

Result<std::unique_ptr<Tokenizer>> parse_tokenizer(std::span<const uint8_t> bytes,
                                                   const RankFileOptions& ranks) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const FileKind kind = kind_of(text);
  if (kind == FileKind::sentencepiece) {
    BELLE_ASSIGN(auto model, parse_model(bytes));
    BELLE_ASSIGN(auto tokenizer, SentencePieceTokenizer::create(std::move(model)));
    return std::unique_ptr<Tokenizer>(std::move(tokenizer));
  }
  std::unique_ptr<JsonTokenizer> json;
  if (kind == FileKind::json) {
    BELLE_ASSIGN(json, JsonTokenizer::parse(text));
  } else {
    BELLE_ASSIGN(const std::string splitter, splitter_of(text, ranks.splitter));
    BELLE_ASSIGN(json, JsonTokenizer::from_tiktoken(text, splitter, ranks.special));
  }
  return std::unique_ptr<Tokenizer>(
      new HfTokenizer(std::move(json), std::string(text), kind == FileKind::ranks));
}

}  // namespace belle::tokenizer
