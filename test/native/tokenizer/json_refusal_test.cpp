// What a tokenizer.json or a rank file is refused for, each with a sentence; and what is accepted although it
// is odd.
#include "native/core/json.h"
#include "native/tokenizer/json/json_tokenizer.h"
#include "test/native/check.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

const std::string kVocab = R"({"a":0,"b":1,"ab":2})";

std::string model(const std::string& vocab, const std::string& merges, const std::string& more = "") {
  return R"({"model":{"type":"BPE","vocab":)" + vocab + R"(,"merges":)" + merges + more + "}}";
}

// A small whole file with one more top-level member.
std::string with(const std::string& member) {
  return "{" + member + R"(,"model":{"vocab":)" + kVocab + R"(,"merges":["a b"]}})";
}

std::string added(int id, const std::string& content) {
  return R"({"id":)" + std::to_string(id) + R"(,"content":)" + Json(content).dump() +
         R"(,"special":true,"lstrip":false,"rstrip":false,"single_word":false,"normalized":false})";
}

void refused(const std::string& json, const std::string& message,
             StatusCode code = StatusCode::invalid_data) {
  const auto parsed = JsonTokenizer::parse(json);
  const std::string got = parsed.ok() ? "accepted" : parsed.status().message();
  if (got != "tokenizer.json: " + message)
    test::fail(__FILE__, __LINE__, json.substr(0, 200) + "\n    gave " + got);
  if (!parsed.ok()) CHECK_EQ(static_cast<int>(parsed.status().code()), static_cast<int>(code));
}

void unsupported(const std::string& json, const std::string& message) {
  refused(json, message, StatusCode::unsupported);
}

std::unique_ptr<JsonTokenizer> accepted(const std::string& json) {
  auto parsed = JsonTokenizer::parse(json);
  CHECK_OK(parsed.status());
  return parsed.ok() ? parsed.take() : nullptr;
}

std::vector<int32_t> encode(const std::string& json, std::string_view text) {
  std::vector<int32_t> ids;
  if (const auto t = accepted(json)) CHECK_OK(t->encode(text, &ids));
  return ids;
}

using Ids = std::vector<int32_t>;

}  // namespace

TEST("json refusals: broken files") {
  refused("", "invalid JSON at line 1, column 1: the text ends where an object is expected");
  refused("{}", "\"model\" is missing: this is no tokenizer.json");
  refused("[]", "invalid JSON at line 1, column 1: expected an object");
  refused(model(kVocab, "[]") + "x", "invalid JSON at line 1, column 66: text after the end of the value");
  refused(model(kVocab, "[]").substr(0, 50),
          "invalid JSON at line 1, column 51: the text ends where ',' or '}' is expected");
  refused(std::string("{\"a\0b\":1}", 9),
          "invalid JSON at line 1, column 4: a control character inside a string; write it as an escape");
  refused(R"({"version":)" + std::string(70, '[') + "}",
          "invalid JSON at line 1, column 75: nested deeper than 64 levels");
  refused(R"({"model":{"vocab":{"\ud800":0}}})",
          "invalid JSON at line 1, column 21: a \\u escape that is half of a surrogate pair");
  refused(R"({"version":"1.0","version":"1.0"})", "the key \"version\" is there twice, at line 1, column 18");
  unsupported(with(R"("colour":1)"), "the key \"colour\" is not known");
  unsupported(with(R"("truncation":{"max_length":3})"),
              "\"truncation\" is set; set it to null: texts are cut and padded by the data pipeline");
}

TEST("json refusals: the model") {
  unsupported(R"({"model":{"type":"WordPiece","vocab":{}}})",
              "the model type \"WordPiece\" is not supported, only BPE; a Unigram model can be read from its "
              "sentencepiece file");
  unsupported(
      R"({"model":{"vocab":[["a",0]]}})",
      "\"vocab\" is an array, as of a Unigram model; only BPE is supported; read the model's sentencepiece "
      "file instead");
  refused(R"({"model":{"vocab":{}}})", "\"model\" lacks \"vocab\" or \"merges\": it is no BPE model");
  unsupported(model(kVocab, "[]", R"(,"colour":1)"),
              "the key \"colour\" of \"model\" is not known to a BPE model");
  unsupported(model(kVocab, "[]", R"(,"end_of_word_suffix":"</w>")"),
              "\"end_of_word_suffix\" is \"</w>\", which is not supported, only null or \"\"");
  unsupported(model(kVocab, "[]", R"(,"continuing_subword_prefix":"##")"),
              "\"continuing_subword_prefix\" is \"##\", which is not supported, only null or \"\"");
  refused(model(R"({"a":0,"b":0})", "[]"), "the id 0 stands for both \"a\" and \"b\", at line 1, column 43");
  refused(model(R"({"a":0,"a":1})", "[]"), "the piece \"a\" is there twice, at line 1, column 43");
  refused(model(R"({"a":-1})", "[]"), "the id -1 of \"a\" is outside 0..1000000, at line 1, column 37");
  refused(model(R"({"a":1000001})", "[]"),
          "the id 1000001 of \"a\" is outside 0..1000000, at line 1, column 37");
  refused(model(R"({"a":1e3})", "[]"),
          "invalid JSON at line 1, column 37: expected a whole number of at most 64 bits");
  refused(model(R"({"a":123456789012345678901234567890})", "[]"),
          "invalid JSON at line 1, column 37: expected a whole number of at most 64 bits");
  refused(model(kVocab, R"(["a c"])"),
          "a merge needs the piece \"c\", which is not in the vocabulary, at line 1, column 63");
  refused(model(kVocab, R"([["b","a"]])"),
          "a merge needs the piece \"ba\", which is not in the vocabulary, at line 1, column 68");
  refused(model(kVocab, R"(["a b c"])"),
          "the merge \"a b c\" is not two pieces with one space between, at line 1, column 63");
  refused(model(kVocab, R"(["ab"])"),
          "the merge \"ab\" is not two pieces with one space between, at line 1, column 63");
  refused(model(kVocab, R"([["a"]])"), "a merge of fewer than two pieces, at line 1, column 64");
  refused(model(kVocab, R"([["a","b","c"]])"), "a merge of more than two pieces, at line 1, column 68");
  refused(model(kVocab, R"(["a b",["a","b"]])"), "\"merges\" mixes strings and arrays, at line 1, column 63");
}

TEST("json refusals: added tokens") {
  refused(
      with("\"added_tokens\":[" + added(5, "<x>") + "]"),
      "the added token \"<x>\" has the id 5, where tokenizers gives it 3: added tokens that are not in the "
      "vocabulary are numbered on from it in the order of the file; renumber or reorder them");
  refused(with("\"added_tokens\":[" + added(3, "<x>") + "," + added(3, "<x>") + "]"),
          "the added token \"<x>\" is there twice");
  refused(
      with(R"("added_tokens":[{"id":3,"content":"<x>"}])"),
      "an added token lacks one of id, content, special, lstrip, rstrip, single_word, normalized, at line 1, "
      "column 36");
  refused(R"({"added_tokens":[)" + added(2, "<x>") + R"(],"model":{"vocab":{"a":0,"c":2},"merges":[]}})",
          "the added token \"<x>\" has the id 2 of the piece \"c\"");
  refused(with("\"added_tokens\":[" + added(3, std::string(5 << 20, 'x')) + "]"),
          "the contents of the added tokens are over 4 MiB in all, at line 1, column 5242997");
}

TEST("json refusals: parts of the pipeline") {
  unsupported(
      with(R"("normalizer":{"type":"NFC"})"),
      "normalizer NFC is not supported; Prepend and Replace are. Normalise the text beforehand and set "
      "\"normalizer\" to null, or use the model's sentencepiece file if it has one");
  unsupported(
      with(R"("normalizer":{"type":"Replace","pattern":{"Regex":" +"},"content":" "})"),
      "normalizer Replace with the regular expression \" +\" is not supported, only a literal {\"String\": "
      "text}");
  unsupported(with(R"("pre_tokenizer":{"type":"Digits"})"),
              "pre_tokenizer Digits is not supported; ByteLevel, Metaspace, Split and Sequence are");
  unsupported(
      with(
          R"("pre_tokenizer":{"type":"Split","pattern":{"Regex":"a+"},"behavior":"Isolated","invert":false})"),
      "pre_tokenizer Split with the regular expression \"a+\" is not supported; known are those of gpt2, "
      "bloom, cl100k_base, llama3, qwen2, o200k_base, r50k_base, p50k_base");
  refused(
      with(
          R"("pre_tokenizer":{"type":"Split","pattern":{"String":""},"behavior":"Isolated","invert":false})"),
      "pre_tokenizer Split: \"pattern\" must be {\"String\": text} or {\"Regex\": text}, not empty");
  refused(with(R"("pre_tokenizer":{"type":"Metaspace","replacement":"__"})"),
          "pre_tokenizer Metaspace: \"replacement\" must be one character");
  refused(with(R"("pre_tokenizer":{"type":"Metaspace","replacement":"_","prepend_scheme":"last"})"),
          "pre_tokenizer Metaspace: unknown prepend_scheme \"last\"");
  refused(with(R"("pre_tokenizer":{"type":"ByteLevel"})"),
          "pre_tokenizer ByteLevel: \"add_prefix_space\" must be true or false");
  unsupported(
      with(
          R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":false},)"
          R"({"type":"ByteLevel","add_prefix_space":false}]})"),
      "pre_tokenizer ByteLevel after ByteLevel is not supported; ByteLevel must be the last step");
  refused(with(R"("pre_tokenizer":[])"), "pre_tokenizer must be null or an object");
  refused(with(R"("pre_tokenizer":{"type":"Sequence","type":"Sequence"})"),
          "pre_tokenizer: invalid JSON at line 1, column 20: duplicate key \"type\"");
  unsupported(
      with(R"("decoder":{"type":"WordPiece"})"),
      "decoder WordPiece is not supported; ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace and "
      "Sequence are");
  refused(with(R"("decoder":{"type":"Strip","content":" ","start":-1,"stop":0})"),
          "decoder Strip: \"start\" must be a number of characters from 0 to 16");
  refused(with(R"("decoder":{"type":"Strip","content":" ","start":0,"stop":17})"),
          "decoder Strip: \"stop\" must be a number of characters from 0 to 16");
  const std::string grow =
      R"({"type":"Replace","pattern":{"String":"ab"},"content":"0123456789012345678901234567890"})";
  CHECK(accepted(with(R"("decoder":{"type":"Sequence","decoders":[)" + grow + "," + grow + "]}")) != nullptr);
  unsupported(
      with(R"("decoder":{"type":"Sequence","decoders":[)" + grow + "," + grow + "," + grow + "]}"),
      "decoder Replace lets a text grow more than 256-fold, together with those before it; take it out");
  unsupported(
      with(R"("post_processor":{"type":"BertProcessing"})"),
      "post_processor BertProcessing is not supported; TemplateProcessing, ByteLevel and Sequence are");
  refused(with(R"("post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],)"
               R"("special_tokens":{"x":{"ids":[9]}}})"),
          "post_processor adds the id 9, which no piece has");
  refused(with(R"("post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],)"
               R"("special_tokens":{}})"),
          "post_processor TemplateProcessing: special_tokens does not give the ids of \"x\"");
  std::string steps;
  for (int i = 0; i < 17; ++i) steps += R"({"type":"Prepend","prepend":"a"},)";
  steps.pop_back();
  unsupported(with(R"("normalizer":{"type":"Sequence","normalizers":[)" + steps + "]}"),
              "normalizer has more than 16 steps");
}

// Hugging Face gives such merges; the text they join and their own letters are two spellings of one piece.
// With a merge of the unk_token "ab" alone, "abc" became 1 4 where it gives 5.
TEST("json refusals: merges of what stands for other text") {
  const std::string end = ", to others, which is not supported; take those merges out";
  const std::string vocab = R"({"ab":0,"a":1,"b":2,"c":3,"bc":4,"abc":5})",
                    merges = R"(["ab c","b c","a bc"])";
  unsupported(model(vocab, merges, R"(,"unk_token":"ab")"),
              R"("merges" join "ab", which is the unk_token)" + end);
  CHECK(encode(model(vocab, merges), "abc") == Ids{5});
  const std::string bytes =
      R"({"<":0,"0":1,"x":2,"A":3,"1":4,">":5,"<0":6,"<0x":7,"A1":8,"A1>":9,"<0xA1>":10,)"
      R"("<0xA1>x":11})";
  const std::string made = R"(["< 0","<0 x","A 1","A1 >","<0x A1>")", joined = made + R"(,"<0xA1> x"])";
  unsupported(model(bytes, joined, R"(,"byte_fallback":true)"),
              R"("merges" join "<0xA1>", which is a byte piece)" + end);
  CHECK(encode(model(bytes, joined), "<0xA1>x") == Ids{11});
  // Made by merges, and by a byte, but joined to nothing: both come about. A letter may be the unk_token.
  CHECK(encode(model(bytes, made + "]", R"(,"byte_fallback":true)"), "<0xA1>x") == (Ids{10, 2}));
  CHECK(encode(model(kVocab, R"(["a b"])", R"(,"unk_token":"b")"), "abaxab") == (Ids{2, 2, 2}));
}

TEST("json: odd files that are accepted") {
  // Merges before the vocabulary; a version line; of equal merges the last counts.
  const std::string late = R"({"model":{"merges":["#version: 0.2","a b"],"vocab":)" + kVocab + "}}";
  CHECK(encode(late, "abba") == (Ids{2, 1, 0}));
  CHECK(encode(model(R"({"a":0,"b":1,"c":2,"ab":3,"bc":4})", R"(["a b","b c","a b"])"), "abc") ==
        (Ids{0, 4}));
  // A piece with a space, in the array form; a long piece; holes.
  CHECK(encode(model(R"({"a":0," ":1,"a ":9})", R"([["a"," "]])"), "a a") == (Ids{9, 0}));
  const std::string piece(100'000, 'x');
  if (const auto t = accepted(model(R"({"x":7,")" + piece + R"(":3})", "[]", R"(,"ignore_merges":true)"))) {
    Ids ids;
    CHECK_OK(t->encode(piece, &ids));
    CHECK(ids == Ids{3});
    CHECK_EQ(t->vocab_size(), 8);
    CHECK(t->kind(5) == JsonPieceKind::absent && t->piece(5).empty() && t->piece_id("y") == -1);
    CHECK_EQ(t->decode(std::vector<int32_t>{5, 7, -1, 8}, false), "x");
  }
  // Without unk_token unknown characters are dropped, and offsets stay right; one that is no piece is an
  // error.
  if (const auto t = accepted(model(kVocab, R"(["a b"])"))) {
    Ids ids;
    std::vector<ByteRange> ranges;
    CHECK_OK(t->encode_with_offsets("a你b\xFF", &ids, &ranges));
    CHECK(ids == Ids{2});
    CHECK(ranges == (std::vector<ByteRange>{{0, 5}}));
  }
  if (const auto t = accepted(model(kVocab, "[]", R"(,"unk_token":"<unk>")"))) {
    Ids ids;
    CHECK_OK(t->encode("ab", &ids));
    CHECK_EQ(
        t->encode("a?", &ids).message(),
        "the text holds \"?\", which is no piece, and the unk_token \"<unk>\" is none either; add it to the "
        "vocab");
  }
  // Malformed bytes count as U+FFFD each; ranges are those of the input.
  if (const auto t = accepted(model(R"({"a":0,"�":1})", "[]"))) {
    Ids ids;
    std::vector<ByteRange> ranges;
    CHECK_OK(
        t->encode_with_offsets("\xE4\xBD"
                               "a\xFF",
                               &ids, &ranges));
    CHECK(ids == (Ids{1, 1, 0, 1}));
    CHECK(ranges == (std::vector<ByteRange>{{0, 1}, {1, 2}, {2, 3}, {3, 4}}));
  }
}

TEST("tiktoken refusals") {
  std::string bytes;
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (uint32_t byte = 0; byte < 256; ++byte)
    bytes += std::string{kDigits[byte >> 2], kDigits[(byte & 3) << 4], '=', '='} + " " +
             std::to_string(byte) + "\n";
  const auto message = [](const std::string& file, const std::string& splitter = "gpt2",
                          const std::map<std::string, int32_t>& special = {}) {
    const auto made = JsonTokenizer::from_tiktoken(file, splitter, special);
    return made.ok() ? "accepted" : made.status().message();
  };
  CHECK_EQ(message(bytes), "accepted");
  CHECK_EQ(
      message(bytes, "gpt9"),
      "unknown splitter \"gpt9\"; known are gpt2, bloom, cl100k_base, llama3, qwen2, o200k_base, r50k_base, "
      "p50k_base");
  CHECK_EQ(message(""), "tiktoken rank file: the byte 0 is no token of its own; all 256 must be");
  CHECK_EQ(message(bytes + "YWI=\n"),
           "tiktoken rank file, line 257: expected a token in base64, a space and a rank");
  CHECK_EQ(message(bytes + "YW?= 256\n"), "tiktoken rank file, line 257: \"YW?=\" is not base64");
  CHECK_EQ(message(bytes + "YWI= x\n"), "tiktoken rank file, line 257: the rank \"x\" is not a whole number");
  CHECK_EQ(message(bytes + "YWI= 3\n"),
           "tiktoken rank file, line 257: the id 3 stands for both \"ă\" and \"ab\"");
  CHECK_EQ(message(bytes + "YWI= 1000001\n"),
           "tiktoken rank file, line 257: the id 1000001 of \"ab\" is outside 0..1000000");
  CHECK_EQ(message(bytes, "gpt2", {{"<s>", 5}}),
           "the special token \"<s>\" has the id 5, which stands for something else already");
  CHECK_EQ(message(bytes, "gpt2", {{"", 300}}), "the special token \"\" must be UTF-8 and not empty");
}
