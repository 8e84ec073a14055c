#include "native/tokenizer/json/tiktoken_ranks.h"

#include <charconv>

#include "native/core/utf8.h"
#include "native/tokenizer/json/byte_level.h"

namespace belle::tokenizer {
namespace {

// Pairs are sought at every place of every token, so their lengths bound the work.
constexpr size_t kMaxToken = 4096;

Status bad_line(size_t line, const std::string& what) {
  return Status(StatusCode::invalid_data, "tiktoken rank file, line " + std::to_string(line) + ": " + what);
}

bool decode_base64(std::string_view text, std::string* out) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return false;
  size_t length = text.size();
  while (length > 0 && text.size() - length < 2 && text[length - 1] == '=') --length;
  uint32_t bits = 0;
  int have = 0;
  for (size_t i = 0; i < length; ++i) {
    const size_t digit = kDigits.find(text[i]);
    if (digit == kDigits.npos) return false;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    have += 6;
    if (have >= 8) {
      have -= 8;
      *out += static_cast<char>(bits >> have & 0xFF);
    }
  }
  return (bits & ((1u << have) - 1)) == 0;
}

Status read_line(std::string_view line, size_t number, JsonVocabulary* vocabulary) {
  const size_t space = line.find(' ');
  if (space == line.npos) return bad_line(number, "expected a token in base64, a space and a rank");
  std::string bytes, piece;
  if (!decode_base64(line.substr(0, space), &bytes) || bytes.empty())
    return bad_line(number, "\"" + printable(line.substr(0, space)) + "\" is not base64");
  if (bytes.size() > kMaxToken)
    return bad_line(number, "a token of more than " + std::to_string(kMaxToken) + " bytes");
  int64_t rank = -1;
  const std::string_view digits = line.substr(space + 1);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size())
    return bad_line(number, "the rank \"" + printable(digits) + "\" is not a whole number");
  append_byte_level(bytes, &piece);
  const Status added = vocabulary->add(piece, rank);
  return added.ok() ? added : bad_line(number, added.message());
}

// Every split of every token into two tokens; the rank is that of the whole.
void add_merges(TokenizerJson* json) {
  for (int32_t id = 0; id < json->vocabulary.size(); ++id) {
    if (!json->vocabulary.has(id)) continue;
    const std::string_view piece = json->vocabulary.text(id);
    for (size_t at = decode_utf8(piece).length; at < piece.size();
         at += decode_utf8(piece.substr(at)).length) {
      const int32_t left = json->vocabulary.find(piece.substr(0, at));
      const int32_t right = left < 0 ? -1 : json->vocabulary.find(piece.substr(at));
      if (right < 0) continue;
      json->merges.push_back(
          {static_cast<uint32_t>(left), static_cast<uint32_t>(right), static_cast<uint32_t>(id)});
      json->ranks.push_back(static_cast<uint32_t>(id));
    }
  }
}

Status add_special(const std::map<std::string, int32_t>& special, TokenizerJson* json) {
  std::map<int32_t, std::string_view> by_id;
  for (const auto& [text, id] : special) {
    const std::string name = "the special token \"" + printable(text) + "\"";
    if (text.empty() || valid_utf8_prefix(text) != text.size())
      return Status(StatusCode::invalid_argument, name + " must be UTF-8 and not empty");
    if (id < 0 || id > JsonVocabulary::kMaxId)
      return Status(StatusCode::invalid_argument, name + " has the id " + std::to_string(id) +
                                                      ", outside 0.." +
                                                      std::to_string(JsonVocabulary::kMaxId));
    if (json->vocabulary.has(id) || !by_id.emplace(id, text).second)
      return Status(StatusCode::invalid_argument,
                    name + " has the id " + std::to_string(id) + ", which stands for something else already");
    AddedToken token;
    token.content = text;
    token.id = id;
    token.special = true;
    json->added.push_back(std::move(token));
  }
  return {};
}

}  // namespace

Result<TokenizerJson> read_tiktoken_ranks(std::string_view file, const std::string& splitter,
                                          const std::map<std::string, int32_t>& special) {
  const auto rules = split_rules_by_name(splitter);
  if (!rules)
    return Status(StatusCode::invalid_argument,
                  "unknown splitter \"" + printable(splitter) + "\"; known are " + split_rules_names());
  if (file.size() > TokenizerJson::kMaxBytes)
    return Status(StatusCode::invalid_data, "tiktoken rank file: over the limit of 256 MiB");
  TokenizerJson json;
  size_t number = 0;
  for (size_t begin = 0; begin < file.size();) {
    size_t end = std::min(file.find('\n', begin), file.size());
    std::string_view line = file.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    begin = end + 1;
    ++number;
    if (!line.empty()) BELLE_TRY(read_line(line, number, &json.vocabulary));
  }
  for (size_t byte = 0; byte < 256; ++byte) {
    std::string piece;
    append_utf8(byte_level_character(static_cast<uint8_t>(byte)), &piece);
    if (json.vocabulary.find(piece) < 0)
      return Status(StatusCode::invalid_data, "tiktoken rank file: the byte " + std::to_string(byte) +
                                                  " is no token of its own; all 256 must be");
  }
  add_merges(&json);
  BELLE_TRY(add_special(special, &json));
  json.ignore_merges = true;
  PreTokenizerStep split;
  split.rules = *rules;
  PreTokenizerStep bytes;
  bytes.kind = PreTokenizerStep::Kind::byte_level;
  json.pre_tokenizer = {split, bytes};
  json.has_decoder = true;
  json.decoder.emplace_back();
  return json;
}

}  // namespace belle::tokenizer
