// Where the exported merge list gives other ids than sentencepiece. The figures on the goldens are those of
// tokenizers 0.23.2 on the files written, against sentencepiece 0.2.2.
#include "native/tokenizer/export/export_check.h"

#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

using Names = std::vector<std::string>;

constexpr HfTokenizerOptions kLegacy{.add_bos = false};
constexpr HfTokenizerOptions kFirst{.legacy = false, .add_bos = false};

ExportCheck check_lines(const SentencePieceModel& model, const HfTokenizerOptions& options,
                        std::initializer_list<std::string_view> lines) {
  auto checker = ExportChecker::create(model, options);
  CHECK_OK(checker.status());
  if (!checker.ok()) return {};
  ExportCheck check = checker.value().pieces();
  EncodeScratch scratch;
  for (const std::string_view line : lines) CHECK_OK(checker.value().compare(line, &scratch, &check));
  return check;
}

Result<SentencePieceModel> shared(const std::string& name) {
  const std::string bytes = file_bytes(shared_model(name));
  return parse_model(as_bytes(bytes));
}

// LLaMA with the rows of a merged vocabulary.
Result<SentencePieceModel> merged(const std::string& rows) {
  BELLE_ASSIGN(SentencePieceModel model, shared("llama/tokenizer.model"));
  size_t index = 0;
  each_golden(rows, [&](const Json& row) {
    if (index++ < 32000) return;
    const Json::Array& cells = *row.array();
    double score = 0;
    CHECK(cells[1].number(&score));
    model.pieces.push_back(piece_of(*cells[0].string(), static_cast<float>(score)));
  });
  return model;
}

void check_golden(const Result<SentencePieceModel>& model, int64_t legacy, int64_t first, int64_t lost) {
  CHECK_OK(model.status());
  if (!model.ok()) return;
  for (const bool is_legacy : {true, false}) {
    auto checker = ExportChecker::create(model.value(), is_legacy ? kLegacy : kFirst);
    CHECK_OK(checker.status());
    if (!checker.ok()) return;
    ExportCheck check = checker.value().pieces();
    EncodeScratch scratch;
    each_golden("encode-llama.jsonl.gz", [&](const Json& row) {
      CHECK_OK(checker.value().compare(*row.find("text")->string(), &scratch, &check));
    });
    CHECK_EQ(check.lines, 4381);
    CHECK_EQ(check.differing, is_legacy ? legacy : first);
    CHECK_EQ(check.lost, lost);
  }
}

}  // namespace

TEST("export check: equal scores part where a later, longer pair overlaps an earlier one") {
  SentencePieceModel model =
      small_model({piece_of("a", -9), piece_of("b", -9), piece_of("c", -9), piece_of("d", -9),
                   piece_of("cd", 0), piece_of("bcd", 0), piece_of("ab", 0)});
  const ExportCheck check = check_lines(model, kLegacy, {"abcd", "cdab"});
  CHECK_EQ(check.lines, 2);
  // sentencepiece: ab first, the leftmost; then cd. The list: a+b and c+d have one rank's length, so the
  // smaller id, cd, first; then b+cd, which is longer than a+b.
  CHECK_EQ(check.differing, 1);
  CHECK_EQ(check.examples.size(), size_t{1});
  CHECK(check.examples[0].text == "abcd");
  CHECK(check.examples[0].before == (Names{"ab", "cd"}));
  CHECK(check.examples[0].after == (Names{"a", "bcd"}));
  for (Piece& piece : model.pieces)
    if (piece.piece == "bcd") piece.score = -1;
  CHECK_EQ(check_lines(model, kLegacy, {"abcd", "cdab"}).differing, 0);
}

TEST("export check: a piece with a character that is no piece is lost") {
  SentencePieceModel model = small_model({piece_of("a", -9), piece_of("ax", -1), piece_of("aa", -2)});
  const ExportCheck check = check_lines(model, kLegacy, {"aax", "aa", "x"});
  CHECK_EQ(check.lost, 1);
  CHECK(check.lost_pieces == std::vector<std::string>{"ax"});
  CHECK_EQ(check.differing, 1);
}

TEST("export check: without legacy no dummy prefix before a space, and one where text follows nothing") {
  SentencePieceModel model = small_model({piece_of("▁", -9), piece_of("a", -9), piece_of("▁a", -1)});
  model.normalizer_spec.add_dummy_prefix = true;
  const auto lines = {std::string_view("a"), std::string_view(" a"), std::string_view("▁a"),
                      std::string_view(""), std::string_view("b a")};
  CHECK_EQ(check_lines(model, kLegacy, lines).differing, 0);
  const ExportCheck first = check_lines(model, kFirst, lines);
  CHECK_EQ(first.differing, 2);
  CHECK(first.examples[0].text == " a" && first.examples[1].text == "▁a");
  CHECK(first.examples[0].before == (Names{"▁", "▁a"}) && first.examples[0].after == Names{"▁a"});
  // What the normaliser takes away counts as the beginning, too.
  model.normalizer_spec.remove_extra_whitespaces = true;
  CHECK_EQ(check_lines(model, kLegacy, lines).differing, 0);
  const ExportCheck removed = check_lines(model, kFirst, {" a", "a ", "  "});
  CHECK_EQ(removed.differing, 1);
  CHECK(removed.examples[0].after == Names{"a"});
}

TEST("export check: a user-defined piece begins a new stretch of text") {
  SentencePieceModel model = small_model({piece_of("▁", -9), piece_of("a", -9), piece_of("▁a", -1),
                                          piece_of("<x>", 0, PieceType::user_defined),
                                          piece_of("<x>a", 0, PieceType::user_defined)});
  const auto lines = {std::string_view("a<x>b<x>a<x>"), std::string_view("<x>"), std::string_view("a<x>")};
  CHECK_EQ(check_lines(model, kLegacy, lines).differing, 0);
  model.normalizer_spec.add_dummy_prefix = true;
  CHECK_EQ(check_lines(model, kLegacy, lines).differing, 2);
  CHECK_EQ(check_lines(model, kFirst, lines).differing, 1);  // "<x>": no prefix before it
}

TEST("export check: unknown characters are one <unk>, or their bytes") {
  SentencePieceModel model = small_model({piece_of("a", -9)});
  CHECK_EQ(check_lines(model, kLegacy,
                       {"a你好a",
                        "你\xFF"
                        "a",
                        "\n\t", "<0x41>"})
               .differing,
           0);
  add_byte_pieces(&model);
  CHECK_EQ(check_lines(model, kLegacy,
                       {"a你好a",
                        "你\xFF"
                        "a",
                        "\n\t", "<0x41>"})
               .differing,
           0);
}

TEST("export check: what cannot be written is not checked either") {
  SentencePieceModel model = small_model({piece_of("a", -9)});
  model.trainer_spec.model_type = ModelType::unigram;
  CHECK_EQ(static_cast<int>(ExportChecker::create(model, kLegacy).status().code()),
           static_cast<int>(StatusCode::unsupported));
}

TEST("export check: LLaMA and a merge that kept its scores give sentencepiece's ids") {
  if (test::shared_folder().empty()) return test::skip("no shared reference material");
  check_golden(shared("llama/tokenizer.model"), 0, 91, 0);
  check_golden(merged("merge-own-scores.vocab.jsonl.gz"), 0, 91, 0);
}

TEST("export check: the score-0 merges of Chinese-LLaMA do not") {
  if (test::shared_folder().empty()) return test::skip("no shared reference material");
  check_golden(merged("merge-score0.vocab.jsonl.gz"), 539, 630, 1);
  check_golden(shared("chinese-llama-2/tokenizer.model"), 422, 513, 5);
}
