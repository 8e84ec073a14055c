#include <algorithm>

#include "native/core/utf8.h"
#include "native/tokenizer/json/byte_level.h"
#include "native/tokenizer/json/find_text.h"
#include "native/tokenizer/json/json_tokenizer_state.h"

namespace belle::tokenizer {
namespace {

// As Rust's String::from_utf8_lossy: each maximal malformed part becomes one U+FFFD.
void append_lossy(std::string_view bytes, std::string* out) {
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Char c = decode_utf8(bytes.substr(at));
    if (c.valid) {
      out->append(bytes, at, c.length);
      at += c.length;
      continue;
    }
    const auto byte = [&](size_t i) { return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0; };
    const uint8_t lead = byte(at);
    // The second byte decides whether a character can begin so at all.
    const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    size_t length = 1;
    if (lead >= 0xE0 && lead < 0xF5 && byte(at + 1) >= low && byte(at + 1) <= high) {
      length = 2;
      if (lead >= 0xF0 && (byte(at + 2) & 0xC0) == 0x80) length = 3;
    }
    append_utf8(0xFFFD, out);
    at += length;
  }
}

// The byte of "<0xE4>", as Rust's u8::from_str_radix reads the digits; -1 for other tokens.
int fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  const int low = digit(token[4]);
  if (token[3] == '+') return low;
  const int high = digit(token[3]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

using Tokens = std::vector<std::string>;

void join(Tokens* tokens) {
  std::string whole;
  for (const std::string& token : *tokens) whole += token;
  tokens->assign(1, std::move(whole));
}

void decode_byte_level(Tokens* tokens) {
  std::string bytes;
  for (const std::string& token : *tokens) append_byte_level_bytes(token, &bytes);
  std::string text;
  append_lossy(bytes, &text);
  tokens->assign(1, std::move(text));
}

// A run of byte tokens is one text if it is valid UTF-8, else one U+FFFD a byte.
void decode_byte_fallback(Tokens* tokens) {
  Tokens out;
  std::string run;
  const auto flush = [&] {
    if (run.empty()) return;
    if (valid_utf8_prefix(run) == run.size()) {
      out.push_back(run);
    } else {
      for (size_t i = 0; i < run.size(); ++i) out.emplace_back("\xEF\xBF\xBD");
    }
    run.clear();
  };
  for (std::string& token : *tokens) {
    const int byte = fallback_byte(token);
    if (byte >= 0) {
      run += static_cast<char>(byte);
      continue;
    }
    flush();
    out.push_back(std::move(token));
  }
  flush();
  tokens->swap(out);
}

void replace_all(std::string_view pattern, std::string_view content, std::string* text) {
  size_t found = find_text(*text, pattern);
  if (found == text->npos) return;
  std::string out;
  size_t done = 0;
  for (; found != text->npos; found = find_text(*text, pattern, done)) {
    out.append(*text, done, found - done);
    out += content;
    done = found + pattern.size();
  }
  out.append(*text, done);
  text->swap(out);
}

void strip(const DecoderStep& step, std::string* token) {
  const std::string_view character = step.pattern;
  size_t begin = 0, end = token->size();
  for (uint32_t i = 0; i < step.start && std::string_view(*token).substr(begin).starts_with(character); ++i)
    begin += character.size();
  for (uint32_t i = 0;
       i < step.stop && end > begin && std::string_view(*token).substr(0, end).ends_with(character); ++i)
    end -= character.size();
  *token = token->substr(begin, std::max(begin, end) - begin);
}

void run(const DecoderStep& step, Tokens* tokens) {
  switch (step.kind) {
    case DecoderStep::Kind::byte_level:
      return decode_byte_level(tokens);
    case DecoderStep::Kind::byte_fallback:
      return decode_byte_fallback(tokens);
    case DecoderStep::Kind::fuse:
      return join(tokens);
    case DecoderStep::Kind::strip:
      for (std::string& token : *tokens) strip(step, &token);
      return;
    case DecoderStep::Kind::replace:
      for (std::string& token : *tokens) replace_all(step.pattern, step.content, &token);
      return;
    case DecoderStep::Kind::metaspace:
      for (size_t i = 0; i < tokens->size(); ++i)
        replace_all(step.pattern, i == 0 && step.strip_first ? "" : " ", &(*tokens)[i]);
      return;
  }
}

}  // namespace

bool JsonTokenizer::decodes(int32_t id, bool skip_special) const {
  const int32_t added = state_->added_index(id);
  return added < 0 ? state_->json.vocabulary.has(id)
                   : !(skip_special && state_->added_skipped[static_cast<size_t>(added)]);
}

std::string JsonTokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  const TokenizerJson& json = state_->json;
  std::string text;
  if (json.decoder.size() == 1 && json.decoder[0].kind == DecoderStep::Kind::byte_level) {
    std::string bytes;
    for (const int32_t id : ids)
      if (decodes(id, skip_special)) append_byte_level_bytes(state_->shown(id), &bytes);
    append_lossy(bytes, &text);
    return text;
  }
  Tokens tokens;
  for (const int32_t id : ids)
    if (decodes(id, skip_special)) tokens.emplace_back(state_->shown(id));
  if (!json.has_decoder) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) text += ' ';
      text += tokens[i];
    }
    return text;
  }
  for (const DecoderStep& step : json.decoder) run(step, &tokens);
  for (const std::string& token : tokens) text += token;
  return text;
}

}  // namespace belle::tokenizer
