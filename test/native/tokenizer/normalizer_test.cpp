// Normalisation: white space, charsmap rules, and charsmaps that lie.
#include "native/tokenizer/normalizer.h"

#include "native/tokenizer/load_tokenizer.h"
#include "native/tokenizer/protobuf_writer.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

const std::string kSpace = "\xE2\x96\x81";

NormalizerSpec plain() {
  NormalizerSpec spec;
  spec.name = "identity";
  spec.add_dummy_prefix = false;
  spec.remove_extra_whitespaces = false;
  return spec;
}

std::string normalized(const NormalizerSpec& spec, std::string_view text, bool suffix = false) {
  const auto normalizer = Normalizer::create(spec, suffix);
  CHECK_OK(normalizer.status());
  return normalizer.ok() ? normalizer.value().normalize(text) : "";
}

// A charsmap of one rule, "A" -> `replacement`: units 0 (root), 0x40 (after A) and 0xC0 (the value).
struct Charsmap {
  std::vector<uint32_t> units = std::vector<uint32_t>(256);
  std::string texts;
  uint32_t trie_bytes = 1024;

  explicit Charsmap(std::string_view replacement, uint32_t value = 0) : texts(replacement) {
    texts.push_back('\0');
    units[0] = 1u << 10;                                    // children at 0 ^ 1
    units[0x40] = 0x41u | 1u << 8 | (0x40u ^ 0xC0u) << 10;  // label A, a value, at 0xC0
    units[0xC0] = 1u << 31 | value;
  }
  NormalizerSpec spec() const {
    NormalizerSpec spec = plain();
    std::string& blob = spec.precompiled_charsmap;
    blob.append(reinterpret_cast<const char*>(&trie_bytes), 4);
    blob.append(reinterpret_cast<const char*>(units.data()), units.size() * 4);
    blob += texts;
    return spec;
  }
  Status refusal() const { return Normalizer::create(spec()).status(); }
};

}  // namespace

TEST("normalize: identity keeps all but spaces, and malformed bytes become U+FFFD one by one") {
  CHECK_EQ(normalized(plain(), "a  b "), "a" + kSpace + kSpace + "b" + kSpace);
  CHECK_EQ(normalized(plain(), "\tA\xE3\x80\x80"), "\tA\xE3\x80\x80");
  CHECK_EQ(normalized(plain(), "\xE4\xBD|\xFF"), "\xEF\xBF\xBD\xEF\xBF\xBD|\xEF\xBF\xBD");
  CHECK_EQ(normalized(plain(), std::string_view("a\0b", 3)), std::string("a\0b", 3));
  CHECK_EQ(normalized(plain(), ""), "");
  NormalizerSpec unescaped = plain();
  unescaped.escape_whitespaces = false;
  CHECK_EQ(normalized(unescaped, "a b"), "a b");
}

TEST("normalize: the dummy prefix or suffix and the removal of extra white space") {
  NormalizerSpec spec = plain();
  spec.add_dummy_prefix = true;
  CHECK_EQ(normalized(spec, "a"), kSpace + "a");
  CHECK_EQ(normalized(spec, " "), kSpace + kSpace);
  CHECK_EQ(normalized(spec, ""), "");
  CHECK_EQ(normalized(spec, "a", true), "a" + kSpace);
  spec.remove_extra_whitespaces = true;
  CHECK_EQ(normalized(spec, "  a   b  "), kSpace + "a" + kSpace + "b");
  CHECK_EQ(normalized(spec, "  a   b  ", true), "a" + kSpace + "b" + kSpace);
  CHECK_EQ(normalized(spec, "   "), "");
}

TEST("normalize: user-defined pieces pass the rules, longest first") {
  const auto normalizer = Normalizer::create(Charsmap("x").spec());
  CHECK_OK(normalizer.status());
  const std::vector<std::string> defined = {"AB", "ABC", ""};
  CHECK_EQ(normalizer.value().normalize("AABABC", &defined), "xABABC");
  CHECK_EQ(normalizer.value().normalize("AABABC", PrefixMatcher(defined)), "xABABC");
  CHECK_EQ(normalizer.value().normalize("AABABC"), "xxBxBC");
}

TEST("prefix matcher: the longest of strings that share beginnings") {
  const PrefixMatcher matcher({"a", "abc", "abcdef", "b", "\xE4\xBD\xA0", std::string("a\0z", 3)});
  CHECK_EQ(matcher.match("abcdez"), size_t{3});
  CHECK_EQ(matcher.match("abcdefg"), size_t{6});
  CHECK_EQ(matcher.match("ab"), size_t{1});
  CHECK_EQ(matcher.match("\xE4\xBD\xA0\xE5"), size_t{3});
  CHECK_EQ(matcher.match("\xE4\xBD"), size_t{0});
  CHECK_EQ(matcher.match(std::string_view("a\0z", 3)), size_t{3});
  CHECK_EQ(matcher.match("c"), size_t{0});
  CHECK_EQ(matcher.match(""), size_t{0});
  CHECK_EQ(PrefixMatcher().match("a"), size_t{0});
}

TEST("charsmap: a rule of one character, and an empty one") {
  CHECK_EQ(normalized(Charsmap("xyz").spec(), "AbA"), "xyzbxyz");
  CHECK_EQ(normalized(Charsmap("").spec(), "AbA"), "b");
  CHECK_EQ(normalized(Charsmap(" ").spec(), "AbA"), kSpace + "b" + kSpace);
  CHECK_EQ(normalized(Charsmap("xyz").spec(),
                      "\xE4\xBD\xA0"
                      "A"),
           "\xE4\xBD\xA0xyz");
  CHECK_EQ(normalized(Charsmap("xyz").spec(), ""), "");
}

TEST("charsmap: nmt_nfkc of chinese_sp") {
  const std::string path = shared_model("chinese-llama/chinese_sp.model");
  if (path.empty()) return;
  const auto tokenizer = load_tokenizer(path);
  CHECK_OK(tokenizer.status());
  const auto& t = static_cast<const SentencePieceTokenizer&>(*tokenizer.value());
  CHECK_EQ(t.normalize("\xEF\xBC\xA1\xEF\xBC\x8C\xE3\x8D\xBF"),
           kSpace + "A,\xE6\xA0\xAA\xE5\xBC\x8F\xE4\xBC\x9A\xE7\xA4\xBE");
  CHECK_EQ(t.normalize("\xEF\xBE\x8A\xEF\xBE\x9E"), kSpace + "\xE3\x83\x90");  // half-width ha + voicing mark
  CHECK_EQ(t.normalize(" \t\xE3\x80\x80 a \n b\xE2\x80\x8B "), kSpace + "a" + kSpace + "b");
  CHECK_EQ(t.normalize("e\xCC\x81"), kSpace + "\xC3\xA9");
}

TEST("charsmap refused: sizes that lie") {
  NormalizerSpec spec = plain();
  spec.precompiled_charsmap = "abc";
  CHECK_REFUSED(Normalizer::create(spec).status(), "it has 3 bytes, not even a size");
  Charsmap map("x");
  map.trie_bytes = 1u << 20;
  CHECK_REFUSED(map.refusal(), "it claims a trie of 1048576 bytes where 1026 remain");
  map.trie_bytes = ~0u;
  CHECK_REFUSED(map.refusal(), "it claims a trie of 4294967295 bytes");
  map.trie_bytes = 512;
  CHECK_REFUSED(map.refusal(), "its trie has 512 bytes, no positive multiple of 1024");
  map.trie_bytes = 0;
  CHECK_REFUSED(map.refusal(), "its trie has 0 bytes");
  map = Charsmap("x");
  map.texts.back() = 'y';
  CHECK_REFUSED(map.refusal(), "do not end with NUL");
  map.texts.clear();
  CHECK_REFUSED(map.refusal(), "do not end with NUL");
  CHECK_REFUSED(Charsmap(std::string(5000, 'x')).refusal(),
                "the replacement at offset 0 is longer than 1024 bytes");
}

TEST("charsmap refused: crafted tries (sentencepiece #1269)") {
  Charsmap map("x");
  map.units[0] = 0x80000000u | 0x00200000u << 10;  // the value of #1269
  CHECK_REFUSED(map.refusal(), "unit 0 of its trie is not a root");
  map.units[0] = 1u << 10 | 0x20;
  CHECK_REFUSED(map.refusal(), "unit 0 of its trie is not a root");
  map = Charsmap("x");
  map.units[0] = 0x1FFFFFu << 10;
  CHECK_REFUSED(map.refusal(), "unit 0 of its trie points past the end");
  map.units[0] = 1u << 10 | 1u << 9;  // the same offset times 256
  CHECK_REFUSED(map.refusal(), "unit 0 of its trie points past the end");
  map = Charsmap("x");
  map.units[0x40] = 0x41u | 1u << 8 | 0x7FFu << 10;
  CHECK_REFUSED(map.refusal(), "unit 64 of its trie points past the end");
  map = Charsmap("x");
  map.units[0xC0] = 0;
  CHECK_REFUSED(map.refusal(), "unit 64 of its trie promises a value that is none");
  CHECK_REFUSED(Charsmap("x", 2).refusal(),
                "unit 192 of its trie holds a replacement past the end of the text");
  CHECK_OK(Charsmap("x", 1).refusal());
  map = Charsmap("x");
  map.units[0x80] = ~0u;  // no search gets there, yet sentencepiece refuses it
  CHECK_REFUSED(map.refusal(), "unit 128 of its trie holds a replacement past the end of the text");
  SentencePieceModel model = small_model({});
  model.normalizer_spec = Charsmap("x", 2).spec();
  CHECK_REFUSED(SentencePieceTokenizer::create(std::move(model)).status(), "past the end of the text");
}

TEST("denormaliser: its charsmap is applied to what was decoded") {
  ProtobufWriter spec, field;
  spec.bytes(2, Charsmap("xyz").spec().precompiled_charsmap);
  spec.varint(3, 0);  // add_dummy_prefix
  field.bytes(5, spec.finish());
  SentencePieceModel model = small_model({piece_of("A", -1), piece_of("b", -2)});
  model.unknown_model_fields = field.finish();
  CHECK_EQ(tokenizer_of(model)->decode(Ids{3, 4, 3}), "xyzbxyz");
  CHECK(tokenizer_of(model)->fingerprint() !=
        tokenizer_of(small_model({piece_of("A", -1), piece_of("b", -2)}))->fingerprint());
  model.unknown_model_fields = "\x2A\x02\x10\x01";
  CHECK_REFUSED(SentencePieceTokenizer::create(std::move(model)).status(), "denormalizer_spec field 2");
}
