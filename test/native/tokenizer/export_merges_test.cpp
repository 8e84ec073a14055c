// The merge list of a model's pieces: which cuts, in which order, and how much at most.
#include "native/tokenizer/export/piece_merges.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

std::string merges_text(const SentencePieceModel& model) {
  const auto merges = piece_merges(model.pieces, PieceTable(model.pieces));
  CHECK_OK(merges.status());
  std::string text;
  if (merges.ok())
    for (const RankedPair& merge : merges.value()) {
      CHECK_EQ(model.pieces[merge.left].piece + model.pieces[merge.right].piece,
               model.pieces[merge.result].piece);
      text += model.pieces[merge.left].piece + "+" + model.pieces[merge.right].piece + " ";
    }
  return text;
}

// Every piece is the beginning of the next.
SentencePieceModel nested_pieces(size_t longest) {
  SentencePieceModel model = small_model({});
  for (size_t length = 1; length <= longest; ++length)
    model.pieces.push_back(piece_of(std::string(length, 'a'), -static_cast<float>(length)));
  return model;
}

}  // namespace

TEST("export merges: every cut into two pieces, best score first, then the longer left piece") {
  CHECK_EQ(merges_text(small_model({piece_of("a", -9), piece_of("b", -9), piece_of("c", -9),
                                    piece_of("bc", -2), piece_of("ab", -1), piece_of("abc", -3)})),
           "a+b b+c ab+c a+bc ");
}

TEST("export merges: of equal scores the longer pieces, then the smaller id") {
  CHECK_EQ(merges_text(small_model({piece_of("a", 0), piece_of("b", 0), piece_of("ab", 0), piece_of("ba", 0),
                                    piece_of("aba", 0), piece_of("abab", 0)})),
           "aba+b ab+ab ab+a a+ba a+b b+a ");
}

TEST("export merges: lengths count characters, not bytes") {
  // The left pieces are two characters of two bytes and one of four.
  CHECK_EQ(merges_text(small_model({piece_of("é", -9), piece_of("éé", -9), piece_of("😀", -9),
                                    piece_of("😀é", -1), piece_of("ééé", -1)})),
           "éé+é é+éé 😀+é é+é ");
}

TEST("export merges: -0 stands below 0, as in sentencepiece") {
  CHECK_EQ(merges_text(small_model(
               {piece_of("a", -9), piece_of("b", -9), piece_of("ab", -0.0f), piece_of("ba", 0.0f)})),
           "b+a a+b ");
}

TEST("export merges: no cut beside a character that is no piece, or a piece that no merge gives") {
  SentencePieceModel model =
      small_model({piece_of("a", -9), piece_of("ax", -1), piece_of("<s>a", -1), piece_of("aa", -2),
                   piece_of("cc", -1, PieceType::control), piece_of("cca", -1)});
  CHECK_EQ(merges_text(model), "a+a ");
}

TEST("export merges: pieces nested in one another are refused before their merges fill the memory") {
  const SentencePieceModel some = nested_pieces(500), hostile = nested_pieces(kMaxPieceBytes);
  const auto merges = piece_merges(some.pieces, PieceTable(some.pieces));
  CHECK_OK(merges.status());
  CHECK_EQ(merges.ok() ? merges.value().size() : 0, size_t{500 * 499 / 2});
  CHECK_REFUSED(piece_merges(hostile.pieces, PieceTable(hostile.pieces)).status(), "64 MiB of text");
}

TEST("export merges: long pieces without a merge are refused before they take long to read") {
  SentencePieceModel model = small_model({});
  for (size_t i = 0; i < 64; ++i) {
    // Cut anywhere, neither side is a piece: only the reading counts.
    std::string text(kMaxPieceBytes, 'a');
    text[0] = static_cast<char>('0' + i);
    model.pieces.push_back(piece_of(text, 0));
  }
  CHECK_REFUSED(piece_merges(model.pieces, PieceTable(model.pieces)).status(), "1 GiB of reading");
  model.pieces.resize(16);
  const auto few = piece_merges(model.pieces, PieceTable(model.pieces));
  CHECK_OK(few.status());
  CHECK(few.ok() && few.value().empty());
}

TEST("export merges: LLaMA has 61,249") {
  if (test::shared_folder().empty()) return test::skip("no shared reference material");
  const std::string bytes = file_bytes(shared_model("llama/tokenizer.model"));
  const auto model = parse_model(as_bytes(bytes));
  CHECK_OK(model.status());
  if (!model.ok()) return;
  const auto merges = piece_merges(model.value().pieces, PieceTable(model.value().pieces));
  CHECK_OK(merges.status());
  CHECK_EQ(merges.ok() ? merges.value().size() : 0, size_t{61249});
}
