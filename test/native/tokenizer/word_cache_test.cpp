// Words known already give the ids that encoding them again gives.
#include "native/tokenizer/word_cache.h"

#include "native/tokenizer/load_tokenizer.h"
#include "test/native/tokenizer/draws.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

// Few words, so that they come again: of one letter to forty, with NUL and what is in no piece, one to three
// spaces before them, sometimes at the end.
std::string random_text(Draws& draws, std::string_view letters) {
  std::string text;
  for (size_t words = draws.below(12); words > 0; --words) {
    text.append(draws.below(3) ? 1 : draws.below(18), ' ');
    Draws word(draws.below(30));
    for (size_t length = word.below(6) ? 1 + word.below(17) : word.below(40); length > 0; --length)
      text += letters[word.below(letters.size())];
  }
  if (!draws.below(4)) text.append(draws.below(20), ' ');
  return text;
}

// Encodes with one scratch for all texts, and each with a fresh one, which knows no words.
size_t differing(const Tokenizer& tokenizer, EncodeScratch* known, std::string_view letters, uint64_t seed) {
  Draws draws(seed);
  size_t wrong = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string text = random_text(draws, letters);
    const std::u16string units(text.begin(), text.end());
    Ids fresh, again, of_units, middle, known_middle;
    EncodeScratch none, none_middle;
    CHECK_OK(tokenizer.encode(text, &none, &fresh));
    CHECK_OK(tokenizer.encode(text, known, &again));
    CHECK_OK(tokenizer.encode(units, known, &of_units));
    CHECK_OK(tokenizer.encode_part(units, {false, false}, &none_middle, &middle));
    CHECK_OK(tokenizer.encode_part(units, {false, false}, known, &known_middle));
    wrong += again != fresh || of_units != fresh || known_middle != middle;
  }
  return wrong;
}

const std::string kSpace = "\u2581";

SentencePieceModel with_words() {
  SentencePieceModel model = small_model({piece_of(kSpace, -9), piece_of(kSpace + kSpace, -1),
                                          piece_of(kSpace + "a", -2), piece_of("ab", -3), piece_of("a", -9),
                                          piece_of("b", -9), piece_of("abab", -4), piece_of("ba", -2)});
  model.normalizer_spec.add_dummy_prefix = true;
  return model;
}

}  // namespace

TEST("word cache: a word ends at the first space behind another byte") {
  Draws draws(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (size_t at = 0; at < WordCache::kReads; ++at)
      text += draws.below(3) ? static_cast<char>(draws.below(128)) : ' ';
    size_t length = 0;
    for (size_t at = 1; at < text.size() && length == 0; ++at)
      if (text[at] == ' ' && text[at - 1] != ' ') length = at;
    const WordCache::Word word = WordCache::word_at(text.data());
    CHECK_EQ(word.length, length);
    std::string bytes(WordCache::kReads, '\0');
    bytes.replace(0, length, text, 0, length);
    CHECK(std::memcmp(word.bytes.data(), bytes.data(), bytes.size()) == 0);
  }
}

TEST("word cache: the ids of a fresh start, whatever the vocabulary") {
  const std::string letters("aabbabc\0\t~", 10);
  EncodeScratch known;  // for one tokenizer after another, and back
  const auto plain = tokenizer_of(with_words());
  for (int round = 0; round < 2; ++round) {
    CHECK_EQ(differing(*plain, &known, letters, 1), size_t{0});
    SentencePieceModel model = with_words();
    model.pieces.push_back(piece_of("b" + kSpace + "a", -1));  // holds words together
    CHECK_EQ(differing(*tokenizer_of(model), &known, letters, 2), size_t{0});
    model = with_words();
    model.pieces[3].piece = "c";  // a space is unknown, so unknown words are one <unk>
    CHECK_EQ(differing(*tokenizer_of(model), &known, letters, 3), size_t{0});
    model = with_words();
    add_byte_pieces(&model);
    CHECK_EQ(differing(*tokenizer_of(model), &known, letters, 4), size_t{0});
    model.trainer_spec.treat_whitespace_as_suffix = true;
    CHECK_EQ(differing(*tokenizer_of(model), &known, letters, 5), size_t{0});
  }
}

TEST("word cache: LLaMA's vocabulary") {
  const std::string path = shared_model("llama/tokenizer.model");
  if (path.empty()) return;
  auto tokenizer = load_tokenizer(path);
  CHECK_OK(tokenizer.status());
  EncodeScratch known;
  CHECK_EQ(differing(*tokenizer.value(), &known, "etaoinshrdlu etaoin.,'-ETA01\x7F", 6), size_t{0});
}

TEST("word cache: tokenizer.json, one splitter or several steps, an unknown character") {
  const auto json = [](const std::string& steps) {
    return R"({"model":{"type":"BPE","unk_token":"?","fuse_unk":true,"vocab":{"?":0,"a":1,"b":2,"\u0120":3,"ab":4,
               "\u0120a":5,"aba":6,"c":7},"merges":["a b","\u0120 a","ab a"]},"pre_tokenizer":)" +
           steps + R"(,"decoder":{"type":"ByteLevel"}})";
  };
  const std::string bytes = R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":true})";
  const std::string prefixed = R"({"type":"ByteLevel","add_prefix_space":true,"use_regex":true})";
  const std::string digits =
      R"({"type":"Split","pattern":{"String":"b"},"behavior":"Isolated","invert":false})";
  const auto both = [&](const std::string& first, const std::string& second) {
    return R"({"type":"Sequence","pretokenizers":[)" + first + "," + second + "]}";
  };
  const std::string letters("aabbabc\0\t~", 10);
  EncodeScratch known;
  for (const std::string& steps : {bytes, prefixed, both(digits, bytes)}) {
    const std::string text = json(steps);
    auto parsed = parse_tokenizer({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    CHECK_OK(parsed.status());
    if (!parsed.ok()) continue;
    CHECK_EQ(differing(*parsed.value(), &known, letters, 7), size_t{0});
    // With spans nothing is looked up, and words are listed first.
    Draws draws(8);
    for (int i = 0; i < 200; ++i) {
      const std::string words = random_text(draws, letters);
      Ids ids, spanned;
      std::vector<ByteRange> spans;
      CHECK_OK(parsed.value()->encode(words, &known, &ids));
      CHECK_OK(parsed.value()->encode_with_spans(words, &spanned, &spans));
      CHECK(ids == spanned);
    }
  }
}
