// Merging rules one by one, on small vocabularies.
#include "native/tokenizer/merge/merge.h"

#include <limits>

#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

// 3-258 bytes, then from 259: a b ab ▁ 中
SentencePieceModel base_model() {
  SentencePieceModel model = small_model({});
  add_byte_pieces(&model);
  for (const auto& [text, score] :
       {std::pair{"ab", 0.f}, {"a", -1.f}, {"b", -2.f}, {"▁", -1e9f}, {"中", -4.f}})
    model.pieces.push_back(piece_of(text, score));
  return model;
}

// Control and byte pieces of its own, a user-defined one, two with Han, one Latin, one unused, one shared.
SentencePieceModel addition_model() {
  return small_model({piece_of("<ctrl>", 0, PieceType::control), piece_of("<0x41>", 0, PieceType::byte),
                      piece_of("国家", 0, PieceType::user_defined), piece_of("ba", -0.5f),
                      piece_of("中文", -2), piece_of("文", -7), piece_of("中", -8),
                      piece_of("bb", -9, PieceType::unused)});
}

MergeResult merged(MergeMode mode) {
  auto result = merge_vocabulary(base_model(), addition_model(), mode);
  CHECK_OK(result.status());
  return result.ok() ? result.take() : MergeResult{};
}

void check_row(const MergeResult& result, size_t row, const std::string& text, float score, PieceType type) {
  const Piece& piece = result.model.pieces.at(row);
  CHECK_EQ(piece.piece, text);
  CHECK_EQ(piece.score, score);
  CHECK(piece.type == type);
}

}  // namespace

TEST("merge: belle keeps the trained scores and types") {
  const MergeResult result = merged(MergeMode::belle);
  const SentencePieceModel base = base_model();
  CHECK_EQ(result.model.pieces.size(), size_t{269});
  for (size_t i = 0; i < 264; ++i) CHECK_EQ(result.model.pieces[i].piece, base.pieces[i].piece);
  check_row(result, 264, "国家", 0, PieceType::user_defined);
  check_row(result, 265, "ba", -0.5f, PieceType::normal);
  check_row(result, 266, "中文", -2, PieceType::normal);
  check_row(result, 267, "文", -7, PieceType::normal);
  check_row(result, 268, "bb", -9, PieceType::unused);
  const MergeReport& report = result.report;
  CHECK_EQ(report.base_rows, 264);
  CHECK_EQ(report.addition_rows, 11);
  CHECK_EQ(report.shared, 5);    // <unk> <s> </s> <0x41> 中
  CHECK_EQ(report.left_out, 1);  // <ctrl>
  CHECK_EQ(report.added, 5);
  CHECK_EQ(report.rows, 269);
  CHECK_EQ(report.padded_rows_8, 272);
  CHECK_EQ(report.padded_rows_64, 320);
  CHECK_EQ(report.padded_rows_128, 384);
  CHECK_EQ(result.model.trainer_spec.vocab_size, 269);
  CHECK_OK(check_model(result.model));
}

TEST("merge: chinese_llama gives score 0 and type NORMAL, which kills old pieces") {
  SentencePieceModel base = base_model();
  base.pieces[259].score = -0.5f;                  // ab
  base.pieces.push_back(piece_of("abab", -0.7f));  // ab + ab, until ba comes first
  const auto merged = merge_vocabulary(base, addition_model(), MergeMode::chinese_llama);
  CHECK_OK(merged.status());
  if (!merged.ok()) return;
  for (size_t i = 265; i < 270; ++i) {
    CHECK_EQ(merged.value().model.pieces[i].score, 0.f);
    CHECK(merged.value().model.pieces[i].type == PieceType::normal);
  }
  CHECK_EQ(merged.value().report.dead_old, 1);
  CHECK(merged.value().report.dead_old_pieces == std::vector<std::string>{"abab"});
  const auto safe = merge_vocabulary(base, addition_model(), MergeMode::safe);
  CHECK(safe.ok() && safe.value().report.dead_old == 0);
}

TEST("merge: pieces of every fate are named") {
  const MergeReport report = merged(MergeMode::safe).report;
  using Names = std::vector<std::string>;
  CHECK(report.shared_pieces == (Names{"<unk>", "<s>", "</s>", "<0x41>", "中"}));
  CHECK(report.added_pieces == (Names{"国家", "中文", "文"}));
  CHECK(report.left_out_pieces == (Names{"<ctrl>", "ba", "bb"}));
  CHECK(report.dead_old_pieces.empty());
}

TEST("merge: the guarantee holds in safe mode; in the others the report says what is missing") {
  const MergeGuarantee safe = merged(MergeMode::safe).report.guarantee;
  CHECK(safe.holds() && safe.below_old && safe.distinct_scores && safe.all_normal && safe.without_han == 0);
  CHECK_EQ(safe.lowest_old, -1e9f);
  CHECK(safe.highest_new < -1e9f);
  const MergeGuarantee belle = merged(MergeMode::belle).report.guarantee;
  CHECK(!belle.holds() && !belle.below_old && belle.distinct_scores && !belle.all_normal);
  CHECK_EQ(belle.without_han, 2);  // ba bb
  const MergeGuarantee score0 = merged(MergeMode::chinese_llama).report.guarantee;
  CHECK(!score0.holds() && !score0.below_old && !score0.distinct_scores && score0.all_normal);
}

TEST("merge: each condition of the guarantee is looked at in the model itself") {
  SentencePieceModel model = merged(MergeMode::safe).model;
  CHECK(check_guarantee(model, 264).holds());
  SentencePieceModel other = model;
  other.pieces[265].piece = "é";
  CHECK(!check_guarantee(other, 264).holds());
  other = model;
  other.pieces[265].score = other.pieces[264].score;
  CHECK(!check_guarantee(other, 264).holds());
  other = model;
  other.pieces[265].score = -1e9f;
  CHECK(!check_guarantee(other, 264).holds());
  other = model;
  other.pieces[265].type = PieceType::user_defined;
  CHECK(!check_guarantee(other, 264).holds());
}

TEST("merge: safe mode refuses a base whose scores leave no room below") {
  SentencePieceModel base = base_model();
  base.pieces[259].score = std::numeric_limits<float>::lowest();
  CHECK_REFUSED(merge_vocabulary(base, addition_model(), MergeMode::safe).status(),
                "lowest score leaves no room for 3 distinct ones");
  CHECK_OK(merge_vocabulary(base, addition_model(), MergeMode::belle).status());
}

TEST("merge: safe adds only Han pieces, each below every old score, in trained order") {
  const MergeResult result = merged(MergeMode::safe);
  CHECK_EQ(result.report.added, 3);
  CHECK_EQ(result.report.left_out, 3);  // <ctrl> ba bb
  float last = -1e9f;
  for (size_t i = 264; i < 267; ++i) {
    CHECK(result.model.pieces[i].score < last);
    CHECK(result.model.pieces[i].type == PieceType::normal);
    last = result.model.pieces[i].score;
  }
  check_row(result, 264, "国家", -1000000064.f, PieceType::normal);
  CHECK_EQ(result.report.dead_old, 0);
}

TEST("merge: scores in safe mode follow the addition's ranks, rows its order") {
  const auto base = small_model({piece_of("a", -3)});
  const auto addition =
      small_model({piece_of("一", -9), piece_of("二", -1), piece_of("三", -9), piece_of("四", -2)});
  const auto result = merge_vocabulary(base, addition, MergeMode::safe);
  CHECK_OK(result.status());
  if (!result.ok()) return;
  const std::pair<const char*, float> expected[] = {{"一", -6}, {"二", -4}, {"三", -7}, {"四", -5}};
  for (size_t i = 0; i < 4; ++i)
    check_row(result.value(), 4 + i, expected[i].first, expected[i].second, PieceType::normal);
}

TEST("merge: new pieces that cannot be reached are counted") {
  const auto addition = small_model({piece_of("中文字", -1), piece_of("文", -2), piece_of("字", -3)});
  const auto result = merge_vocabulary(base_model(), addition, MergeMode::belle);
  CHECK_OK(result.status());
  if (!result.ok()) return;
  CHECK_EQ(result.value().report.dead_new, 1);  // no two of its parts make a piece
  CHECK(result.value().report.dead_new_pieces == std::vector<std::string>{"中文字"});
}

TEST("merge: sub-tokens are what the base gives the text, bytes included") {
  const MergeResult result = merged(MergeMode::belle);
  const auto& sub = result.report.sub_tokens;
  CHECK_EQ(sub.size(), size_t{5});
  if (sub.size() != 5) return;
  CHECK(sub[1] == (Ids{261, 260}));                           // b a
  CHECK(sub[2] == (Ids{263, 3 + 0xE6, 3 + 0x96, 3 + 0x87}));  // 中, then 文 by its bytes
  CHECK(sub[3] == (Ids{3 + 0xE6, 3 + 0x96, 3 + 0x87}));
  const auto plain = merge_vocabulary(small_model({piece_of("中", -1)}), small_model({piece_of("中文", -1)}),
                                      MergeMode::belle);
  CHECK(plain.ok() && plain.value().report.sub_tokens[0] == (Ids{3, 0}));  // without byte fallback: <unk>
}

TEST("merge: a UNIGRAM addition is welcome, a UNIGRAM base is not") {
  auto unigram = addition_model();
  unigram.trainer_spec.model_type = ModelType::unigram;
  CHECK_OK(merge_vocabulary(base_model(), unigram, MergeMode::belle).status());
  const auto refused = merge_vocabulary(unigram, base_model(), MergeMode::belle);
  CHECK_EQ(static_cast<int>(refused.status().code()), static_cast<int>(StatusCode::unsupported));
  CHECK(contains(refused.status().message(), "the base vocabulary is not BPE"));
}

TEST("merge: pieces with U+0000 are refused") {
  auto addition = addition_model();
  addition.pieces.push_back(piece_of(std::string("a\0b", 3), -1));
  CHECK_REFUSED(merge_vocabulary(base_model(), addition, MergeMode::safe).status(),
                "piece 11 of the added vocabulary holds U+0000");
  auto base = base_model();
  base.pieces[260].piece.push_back('\0');
  CHECK_REFUSED(merge_vocabulary(base, addition_model(), MergeMode::safe).status(),
                "piece 260 of the base vocabulary holds U+0000");
}
