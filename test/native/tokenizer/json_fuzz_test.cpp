// Mutated tokenizer.json files, the same ones every run: each is refused with a sentence or encodes and
// decodes.
#include "native/core/philox.h"
#include "native/tokenizer/json/json_tokenizer.h"
#include "test/native/check.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

const std::string kByteLevel =
    R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":0,"content":"<s>","single_word":false,)"
    R"("lstrip":true,"rstrip":true,"normalized":false,"special":true},{"id":9,"content":"ab ","single_word":true,)"
    R"("lstrip":false,"rstrip":false,"normalized":true,"special":false}],"normalizer":null,"pre_tokenizer":{"type":)"
    R"("Sequence","pretokenizers":[{"type":"Split","pattern":{"String":"c"},"behavior":"MergedWithNext","invert":false},)"
    R"({"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}]},"post_processor":null,)"
    R"("decoder":{"type":"ByteLevel"},"model":{"type":"BPE","unk_token":null,"fuse_unk":false,"byte_fallback":false,)"
    R"("ignore_merges":true,"vocab":{"<s>":0,"a":1,"b":2,"ab":3,"\u0120":4,"\u0120a":5,"c":6,"abc":7,"\u00e4":8},)"
    R"("merges":["a b","\u0120 a","ab c"]}})";
const std::string kLlama =
    R"({"added_tokens":[{"id":1,"content":"<s>","single_word":false,"lstrip":false,"rstrip":true,"normalized":true,)"
    R"("special":true}],"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace",)"
    R"("pattern":{"String":" "},"content":"▁"}]},"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":)"
    R"("first","split":true},"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},)"
    R"({"Sequence":{"id":"A"}}],"special_tokens":{"<s>":{"ids":[1]}}},"decoder":{"type":"Sequence","decoders":[{"type":)"
    R"("Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip",)"
    R"("content":" ","start":1,"stop":0}]},"model":{"merges":[["▁","a"],["a","b"],["▁a","b"]],"vocab":{"<unk>":0,"<s>":1,)"
    R"("<0x41>":2,"<0xE4>":3,"▁":4,"a":5,"b":6,"▁a":7,"ab":8,"▁ab":9,"你":10},"unk_token":"<unk>","fuse_unk":true,)"
    R"("byte_fallback":true}})";

void mutate(std::string* text, const Philox& random, uint64_t index) {
  static constexpr std::string_view kBytes = "{}[]\",:\\0123456789u-.etn \x80\xC3\xE4\x01<>abc";
  uint32_t draw = 0;
  const auto below = [&](uint64_t limit) {
    return static_cast<size_t>(random.block(index, draw++)[0] % limit);
  };
  for (size_t edits = 1 + below(3); edits-- > 0 && !text->empty();) {
    const size_t at = below(text->size());
    switch (below(10)) {
      case 0:
        text->erase(at, 1 + below(8));
        break;
      case 1:
        text->insert(at, 1, kBytes[below(kBytes.size())]);
        break;
      case 2:
        text->resize(at);
        break;
      case 3:
        text->insert(below(text->size() + 1), text->substr(at, 1 + below(40)));
        break;
      case 4: {  // one letter or digit for another of its kind: the file stays JSON
        char& c = (*text)[at];
        if (c >= '0' && c <= '9') c = static_cast<char>('0' + below(10));
        if (c >= 'a' && c <= 'c') c = static_cast<char>('a' + below(3));
        break;
      }
      case 5: {
        const size_t flag = text->find("false", at);
        if (flag != text->npos) text->replace(flag, 5, "true");
        break;
      }
      case 6: {
        const size_t flag = text->find("true", at);
        if (flag != text->npos) text->replace(flag, 4, "false");
        break;
      }
      case 7: {
        const size_t flag = text->find("null", at);
        if (flag != text->npos) text->replace(flag, 4, below(2) ? "{}" : "\"a\"");
        break;
      }
      default:
        (*text)[at] = kBytes[below(kBytes.size())];
        break;
    }
  }
}

void use(const JsonTokenizer& tokenizer) {
  const std::string text = " <s>  ab ab abcab\xC3\xA9 \xE4\xBD\xA0\xE4\xBD\xA0\xFF\xE4\xBDx'll c\n\n  A<s>";
  std::vector<int32_t> ids, again;
  std::vector<ByteRange> ranges;
  const Status status = tokenizer.encode_with_offsets(text, &ids, &ranges);
  CHECK_EQ(tokenizer.encode(text, &again).ok(), status.ok());
  CHECK(status.ok() || status.code() == StatusCode::invalid_data);
  if (status.ok()) {
    CHECK_EQ(ids.size(), ranges.size());
    CHECK(ids == again);
    for (const ByteRange& range : ranges) CHECK(range.begin <= range.end && range.end <= text.size());
  }
  for (const int32_t id : ids) CHECK(tokenizer.kind(id) != JsonPieceKind::absent);
  for (int32_t id = -2; id <= std::min(tokenizer.vocab_size(), 100); ++id) {
    ids.push_back(id);
    (void)tokenizer.piece_bytes(id);
    if (tokenizer.kind(id) == JsonPieceKind::absent) CHECK(tokenizer.piece(id).empty());
  }
  (void)tokenizer.decode(ids, true);
  (void)tokenizer.decode(ids, false);
}

void fuzz(const std::string& seed, uint64_t first) {
  const auto whole = JsonTokenizer::parse(seed);
  CHECK_OK(whole.status());
  if (!whole.ok()) return;
  const std::string canonical = whole.value()->canonical();
  const Philox random(2025, RngStream::test);
  size_t accepted = 0, refused = 0, other = 0;
  for (uint64_t i = first; i < first + 12'000; ++i) {
    std::string text = seed;
    mutate(&text, random, i);
    const auto tokenizer = JsonTokenizer::parse(text);
    if (!tokenizer.ok()) {
      ++refused;
      const Status& status = tokenizer.status();
      CHECK(status.code() == StatusCode::invalid_data || status.code() == StatusCode::unsupported);
      CHECK(status.message().starts_with("tokenizer.json: ") && status.message().size() > 30);
      continue;
    }
    ++accepted;
    other += tokenizer.value()->canonical() != canonical;
    use(*tokenizer.value());
  }
  // Both sides must be exercised for the loop to mean anything.
  CHECK(accepted > 1'000);
  CHECK(refused > 5'000);
  CHECK(other > 500);
}

}  // namespace

TEST("json fuzz: 12,000 mutations of a byte-level tokenizer.json") { fuzz(kByteLevel, 0); }
TEST("json fuzz: 12,000 mutations of a LLaMA-like tokenizer.json") { fuzz(kLlama, 100'000); }

TEST("json fuzz: 10,000 mutations of a tiktoken rank file") {
  std::string seed;
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (uint32_t byte = 0; byte < 256; ++byte)
    seed += std::string{kDigits[byte >> 2], kDigits[(byte & 3) << 4], '=', '='} + " " + std::to_string(byte) +
            "\n";
  seed += "YWI= 256\nYWJj 257\nIGE= 258\n";
  const Philox random(2026, RngStream::test);
  size_t accepted = 0, refused = 0;
  for (uint64_t i = 0; i < 10'000; ++i) {
    std::string text = seed;
    const auto draw = random.block(i);
    const size_t at = draw[1] % 3 == 0 ? draw[0] % text.size() : text.size() - 1 - draw[0] % 40;
    if (draw[2] % 3 == 0)
      text.erase(at, 1);
    else
      text[at] = "\n =0129aYWIA\xFF"[draw[3] % 13];
    const auto tokenizer = JsonTokenizer::from_tiktoken(text, "gpt2", {{"<s>", 300}});
    if (!tokenizer.ok()) {
      ++refused;
      CHECK(tokenizer.status().code() == StatusCode::invalid_data ||
            tokenizer.status().code() == StatusCode::invalid_argument);
      continue;
    }
    ++accepted;
    use(*tokenizer.value());
  }
  CHECK(accepted > 300);
  CHECK(refused > 3'000);
}
