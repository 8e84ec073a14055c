// The linear encoder gives what joining the best pair again and again gives.
#include <cstdlib>

#include "native/core/utf8.h"
#include "native/tokenizer/load_tokenizer.h"
#include "test/native/tokenizer/draws.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

// Letters, digits, spaces, kana, Han, symbols, emoji, anything; and pieces of the vocabulary one after the
// other.
std::string random_text(const Tokenizer& tokenizer, Draws& draws) {
  constexpr uint32_t kRanges[][2] = {
      {'a', 26},     {'A', 26},      {'0', 10},       {' ', 1},        {0x20, 95},   {0xC0, 0x140},
      {0x400, 256},  {0x3040, 192},  {0x4E00, 800},   {0x4E00, 20992}, {0x2580, 16}, {0x300, 112},
      {0xFF00, 240}, {0x1F300, 768}, {0x20000, 4096}, {0xE000, 6400},  {1, 0xD7FE}};
  std::string text;
  for (size_t parts = 1 + draws.below(6); parts > 0; --parts) {
    if (draws.below(2)) {
      const auto& piece =
          tokenizer.piece(static_cast<int32_t>(draws.below(static_cast<size_t>(tokenizer.vocab_size()))));
      if (piece.type == PieceType::normal) text += piece.piece;
      continue;
    }
    const auto& range = kRanges[draws.below(std::size(kRanges))];
    const bool same = draws.below(8) == 0;
    uint32_t c = range[0] + static_cast<uint32_t>(draws.below(range[1]));
    for (size_t length = 1 + draws.below(12); length > 0; --length) {
      append_utf8(c, &text);
      if (!same) c = range[0] + static_cast<uint32_t>(draws.below(range[1]));
    }
  }
  return text;
}

size_t rounds(size_t usual) {
  const char* asked = std::getenv("BELLE_TEST_STRINGS");
  return asked ? std::strtoull(asked, nullptr, 10) : usual;
}

void check_against_heap(const SentencePieceTokenizer& tokenizer, uint64_t seed, size_t strings) {
  Draws draws(seed);
  size_t wrong = 0;
  for (size_t i = 0; i < strings; ++i) {
    const std::string text = tokenizer.normalize(random_text(tokenizer, draws));
    if (tokenizer.encode_normalized(text) != tokenizer.encode_by_heap(text) && wrong++ < 3)
      test::fail(__FILE__, __LINE__, "string " + std::to_string(i) + ": " + text);
  }
  CHECK_EQ(wrong, size_t{0});
}

// Cut wherever it may be cut, from every place on.
bool parts_give_the_whole(const Tokenizer& tokenizer, const std::string& ascii) {
  const std::u16string text(ascii.begin(), ascii.end());
  EncodeScratch scratch;
  Ids whole;
  CHECK_OK(tokenizer.encode(text, &scratch, &whole));
  for (size_t from = 1; from < text.size(); ++from) {
    const size_t at = tokenizer.cut(text, from);
    Ids parts;
    const std::u16string_view view = text;
    CHECK_OK(tokenizer.encode_part(view.substr(0, at), {true, at == text.size()}, &scratch, &parts));
    if (at < text.size()) CHECK_OK(tokenizer.encode_part(view.substr(at), {false, true}, &scratch, &parts));
    if (parts != whole) return false;
  }
  return true;
}

std::unique_ptr<SentencePieceTokenizer> load(const std::string& name) {
  const std::string path = shared_model(name);
  if (path.empty()) return nullptr;
  auto tokenizer = load_tokenizer(path);
  CHECK_OK(tokenizer.status());
  return tokenizer.ok() ? tokenizer_of(*tokenizer.value()->sentencepiece()) : nullptr;
}

}  // namespace

TEST("linear encoder: random Unicode strings, LLaMA") {
  if (const auto t = load("llama/tokenizer.model")) check_against_heap(*t, 1, rounds(20'000));
}
TEST("linear encoder: random Unicode strings, Chinese-LLaMA-2") {
  if (const auto t = load("chinese-llama-2/tokenizer.model")) check_against_heap(*t, 2, rounds(20'000));
}
TEST("linear encoder: random Unicode strings, thousands of pieces of one score") {
  const auto llama = load("llama/tokenizer.model");
  const std::string path = shared_model("chinese-llama/chinese_sp.model");
  if (!llama || path.empty()) return;
  const auto chinese = load_tokenizer(path);
  CHECK_OK(chinese.status());
  SentencePieceModel model = llama->model();
  for (Piece piece : chinese.value()->sentencepiece()->pieces) {
    if (piece.type != PieceType::normal || llama->piece_id(piece.piece) >= 0) continue;
    piece.score = 0;
    model.pieces.push_back(std::move(piece));
  }
  CHECK_EQ(model.pieces.size(), size_t{49953});
  check_against_heap(*tokenizer_of(std::move(model)), 3, rounds(20'000));
}

TEST("linear encoder: small vocabularies of any structure") {
  Draws draws(4);
  size_t wrong = 0, wrong_cuts = 0;
  const size_t vocabularies = rounds(20'000) / 10;
  for (size_t round = 0; round < vocabularies; ++round) {
    // Two to four letters, pieces of any of them with scores that tie or stand in no order; some letters are
    // no piece, some pieces are user-defined or unused by any text.
    const size_t letters = 2 + draws.below(3), pieces = 1 + draws.below(24), scores = 1 + draws.below(12);
    SentencePieceModel model = small_model({});
    const auto add = [&](const std::string& text, PieceType type) {
      for (const Piece& piece : model.pieces)
        if (piece.piece == text) return;
      model.pieces.push_back(piece_of(text, -static_cast<float>(draws.below(scores)), type));
    };
    for (size_t i = 0; i < letters; ++i)
      if (draws.below(6))
        add(std::string(1, static_cast<char>('a' + i)),
            draws.below(12) ? PieceType::normal : PieceType::control);
    for (size_t i = 0; i < pieces; ++i) {
      std::string text;
      for (size_t length = 2 + draws.below(6); length > 0; --length)
        text += static_cast<char>('a' + draws.below(letters));
      add(text, draws.below(40) ? PieceType::normal : PieceType::user_defined);
    }
    const auto tokenizer = tokenizer_of(std::move(model));
    for (int i = 0; i < 40; ++i) {
      std::string text;
      for (size_t length = 1 + draws.below(24); length > 0; --length)
        text += static_cast<char>('a' + draws.below(letters + 1));
      wrong_cuts += !parts_give_the_whole(*tokenizer, text);
      if (tokenizer->encode_normalized(text) == tokenizer->encode_by_heap(text) || wrong++ >= 3) continue;
      std::string vocabulary;
      for (const Piece& piece : tokenizer->model().pieces)
        vocabulary += " " + piece.piece + " " + std::to_string(piece.score);
      test::fail(__FILE__, __LINE__, text + " with" + vocabulary);
    }
  }
  CHECK_EQ(wrong, size_t{0});
  CHECK_EQ(wrong_cuts, size_t{0});
}
