#pragma once
// Tokenizer files made to be slow or to fill the memory.
#include <string>
#include <string_view>
#include <vector>

namespace belle::tokenizer {

struct LargeFile {
  std::string name, bytes;
  std::string refusal;  // part of the sentence; empty where the file is read and encodes
};

inline std::string added_token(size_t id, const std::string& content, bool normalized) {
  return R"({"id":)" + std::to_string(id) + R"(,"content":")" + content +
         R"(","single_word":false,"lstrip":false,"rstrip":false,"normalized":)" +
         (normalized ? "true" : "false") + R"(,"special":false})";
}

inline std::string replace_step(const std::string& pattern, const std::string& content) {
  return R"({"type":"Replace","pattern":{"String":")" + pattern + R"("},"content":")" + content + R"("})";
}

inline std::string json_of(const std::vector<std::string>& steps, const std::vector<std::string>& added) {
  const auto list = [](const std::vector<std::string>& items) {
    std::string out;
    for (const std::string& item : items) out += (out.empty() ? "" : ",") + item;
    return out;
  };
  return R"({"added_tokens":[)" + list(added) + R"(],"normalizer":{"type":"Sequence","normalizers":[)" +
         list(steps) + R"(]},"model":{"vocab":{"b":0,"c":1},"merges":[]}})";
}

// A token each of whose edges falls into the first slots of a table with the multiplicative hash that has no
// seed.
inline std::string colliding_token(size_t bytes) {
  size_t slots = 2;
  while (slots < 2 * bytes + 2) slots *= 2;
  std::string token(bytes, ' ');
  for (size_t node = 0; node < bytes; ++node) {
    size_t best = slots;
    for (uint32_t byte = 'A'; byte <= 'z'; ++byte) {
      if (byte == '\\') continue;
      const uint64_t product = (node << 8 | byte) * 0x9E3779B97F4A7C15ull + 0x9E3779B97F4A7C15ull;
      const size_t at = (product ^ product >> 32) & (slots - 1);
      if (at < best) best = at, token[bytes - 1 - node] = static_cast<char>(byte);
    }
  }
  return token;
}

inline std::vector<LargeFile> large_files() {
  std::vector<LargeFile> files;
  const auto add = [&](const char* name, std::string bytes, const char* refusal) {
    files.push_back({name, std::move(bytes), refusal});
  };
  const std::string run(1000, 'a');
  add("an added token that grows a thousandfold at each of 16 steps",
      json_of(std::vector<std::string>(16, replace_step("a", run)), {added_token(2, "a", true)}),
      "lets the added tokens grow");
  add("a text that does", json_of(std::vector<std::string>(16, replace_step("a", run)), {}),
      "normalizer and the pre_tokenizer make over");
  std::vector<std::string> tokens;
  for (size_t i = 0; i < 2000; ++i) tokens.push_back(added_token(2 + i, "a" + std::to_string(i), true));
  add("2,000 added tokens that grow to a megabyte each and shrink again",
      json_of(
          {replace_step("a", run), replace_step("a", run), replace_step(run, "a"), replace_step(run, "a")},
          tokens),
      "lets the added tokens grow");
  add("a pattern that nearly matches everywhere",
      json_of({replace_step(std::string(300'000, 'a') + "b", "c")},
              {added_token(2, std::string(600'000, 'a'), true)}),
      "");
  add("an added token whose bytes collide", json_of({}, {added_token(2, colliding_token(250'000), false)}),
      "");
  tokens.clear();
  for (size_t i = 0; i < 50'000; ++i) {
    const size_t mixed = i * 0x9E3779B9u % 0x100000000u;
    tokens.push_back(added_token(2 + i, std::to_string(mixed) + "<" + std::to_string(i) + ">", false));
  }
  add("50,000 added tokens with little in common", json_of({}, tokens), "");
  add("an added token of a megabyte", json_of({}, {added_token(2, std::string(1 << 20, 'x') + "y", false)}),
      "");
  return files;
}

}  // namespace belle::tokenizer
