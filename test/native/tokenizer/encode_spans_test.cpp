// Which bytes of the text an id stands for, and where long texts can be cut.
#include "native/core/philox.h"
#include "native/tokenizer/load_tokenizer.h"
#include "native/tokenizer/unicode/charsmap_builder.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

// "piece[begin,end) ..." of a text.
std::string spans_of(const Tokenizer& tokenizer, std::string_view text) {
  Ids ids, plain;
  std::vector<ByteRange> spans;
  CHECK_OK(tokenizer.encode_with_spans(text, &ids, &spans));
  CHECK_OK(tokenizer.encode(text, &plain));
  CHECK_EQ(ids, plain);
  CHECK_EQ(ids.size(), spans.size());
  std::string shown;
  for (size_t i = 0; i < ids.size(); ++i)
    shown += tokenizer.piece(ids[i]).piece + "[" + std::to_string(spans[i].begin) + "," +
             std::to_string(spans[i].end) + ") ";
  return shown;
}

std::unique_ptr<Tokenizer> llama() {
  const std::string path = shared_model("llama/tokenizer.model");
  if (path.empty()) return nullptr;
  auto tokenizer = load_tokenizer(path);
  CHECK_OK(tokenizer.status());
  return tokenizer.take();
}

}  // namespace

TEST("spans: pieces, bytes of a character, the dummy prefix") {
  if (const auto t = llama()) {
    CHECK_EQ(spans_of(*t, "Hello 好吗"), "▁Hello[0,5) ▁[5,6) 好[6,9) <0xE5>[9,9) <0x90>[9,9) <0x97>[9,12) ");
    CHECK_EQ(spans_of(*t, ""), "");
  }
}

TEST("spans: white space that is removed, runs of unknown characters, characters that become several") {
  SentencePieceModel model =
      small_model({piece_of("a", -1), piece_of("▁", -2), piece_of("▁a", -3), piece_of("(", -4)});
  model.normalizer_spec.name = "nmt_nfkc";
  model.normalizer_spec.precompiled_charsmap = precompiled_charsmap("nmt_nfkc").take();
  model.normalizer_spec.remove_extra_whitespaces = true;
  model.normalizer_spec.add_dummy_prefix = true;
  const auto t = tokenizer_of(std::move(model));
  // As sentencepiece's SentencePieceText of the same model.
  CHECK_EQ(spans_of(*t, "  a  a"), "▁a[2,3) ▁a[3,6) ");
  CHECK_EQ(spans_of(*t, "a  "), "▁a[0,1) ");
  CHECK_EQ(spans_of(*t, "a xyz a"), "▁a[0,1) ▁[1,2) <unk>[2,5) ▁a[5,7) ");
  // Not as sentencepiece 0.2.2, which gives the last one no text.
  CHECK_EQ(spans_of(*t, "㈱a"), "▁[0,0) ([0,0) <unk>[0,3) a[3,4) ");
}

TEST("spans: they cover a text without gaps, and a piece's text is its own") {
  const auto t = llama();
  if (!t) return;
  const std::string text = "训练 a 大 model， e.g. LLaMA-7B 😀!  Two  spaces";
  Ids ids;
  std::vector<ByteRange> spans;
  CHECK_OK(t->encode_with_spans(text, &ids, &spans));
  size_t at = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    CHECK_EQ(spans[i].begin, at);
    at = spans[i].end;
    if (t->piece(ids[i]).type != PieceType::normal) continue;
    std::string piece = t->piece(ids[i]).piece;
    for (size_t found; (found = piece.find("▁")) != std::string::npos;) piece.replace(found, 3, " ");
    if (i == 0) piece.erase(0, 1);
    CHECK_EQ(text.substr(spans[i].begin, spans[i].end - spans[i].begin), piece);
  }
  CHECK_EQ(at, text.size());
}

TEST("cut: parts give the ids of the whole, wherever they are cut") {
  const auto t = llama();
  if (!t) return;
  const std::u16string words[] = {u"训练", u" the", u" people", u"😀",   u"  ", u"aaa",
                                  u"，",   u"\n",   u"吗",      u"123", u"ing"};
  const Philox random(9, RngStream::test);
  for (uint64_t round = 0; round < 200; ++round) {
    std::u16string text;
    for (uint32_t i = 0; i < 60; ++i) text += words[random.block(round, i)[0] % std::size(words)];
    EncodeScratch scratch;
    Ids whole, parts;
    CHECK_OK(t->encode(text, &scratch, &whole));
    size_t cuts = 0;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = t->cut(text, begin + 7);
      CHECK_OK(t->encode_part(std::u16string_view(text).substr(begin, end - begin),
                              {begin == 0, end == text.size()}, &scratch, &parts));
      begin = end;
      ++cuts;
    }
    CHECK(cuts > 4);
    CHECK_EQ(parts, whole);
  }
}
