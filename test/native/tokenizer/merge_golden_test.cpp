// Merges computed by the projects' own recipes: every row equal; and what they do to the base vocabulary.
#include <algorithm>
#include <fstream>

#include "native/tokenizer/merge/merge.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"
#include "test/native/check.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/train_case.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

Result<SentencePieceModel> shared(const std::string& name) {
  const std::string bytes = file_bytes(shared_model(name));
  return parse_model(as_bytes(bytes));
}

// The model behind zh-24000-llama-flags of train.json, trained here.
Result<SentencePieceModel> zh_24000() {
  BpeTrainRequest request;
  request.files = {test::shared_folder() + "/goldens/tokenizer/corpus-zh-2mb.txt"};
  TrainerSpec& spec = request.trainer_spec;
  spec.vocab_size = 24000;
  spec.byte_fallback = spec.split_digits = spec.allow_whitespace_only_pieces = true;
  spec.character_coverage = 0.99995f;
  request.normalizer_spec.name = "identity";
  request.normalizer_spec.remove_extra_whitespaces = false;
  return train(request);
}

void check_rows(const SentencePieceModel& model, const std::string& golden) {
  size_t wrong = 0, row_index = 0;
  const size_t rows = each_golden(golden, [&](const Json& row) {
    const Json::Array& cells = *row.array();
    double score = 0;
    cells[1].number(&score);
    const size_t index = row_index++;
    if (index >= model.pieces.size()) return;
    const Piece& piece = model.pieces[index];
    wrong += piece.piece != *cells[0].string() || piece.score != static_cast<float>(score) ||
             static_cast<int64_t>(piece.type) != *cells[2].integer();
  });
  CHECK_EQ(model.pieces.size(), rows);
  CHECK_EQ(wrong, size_t{0});
  CHECK_EQ(static_cast<size_t>(model.trainer_spec.vocab_size), rows);
}

// Lines of botchan.txt that the two encode differently.
size_t changed_lines(const SentencePieceModel& before, const SentencePieceModel& after) {
  const auto a = SentencePieceTokenizer::create(before), b = SentencePieceTokenizer::create(after);
  CHECK_OK(a.status());
  CHECK_OK(b.status());
  if (!a.ok() || !b.ok()) return 0;
  std::ifstream file(test::shared_folder() + "/data/text/botchan.txt", std::ios::binary);
  size_t lines = 0, changed = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    std::vector<int32_t> old_ids, new_ids;
    CHECK_OK(a.value()->encode(line, &old_ids));
    CHECK_OK(b.value()->encode(line, &new_ids));
    changed += old_ids != new_ids;
  }
  CHECK_EQ(lines, size_t{4288});
  return changed;
}

}  // namespace

TEST("merge golden: chinese_sp.model into LLaMA gives the 49,953 rows of Chinese-LLaMA") {
  if (test::shared_folder().empty()) return test::skip("no shared reference material");
  const auto base = shared("llama/tokenizer.model"), addition = shared("chinese-llama/chinese_sp.model");
  CHECK_OK(base.status());
  CHECK_OK(addition.status());
  if (!base.ok() || !addition.ok()) return;
  const auto merged = merge_vocabulary(base.value(), addition.value(), MergeMode::chinese_llama);
  CHECK_OK(merged.status());
  if (!merged.ok()) return;
  check_rows(merged.value().model, "merge-score0.vocab.jsonl.gz");
  const MergeReport& report = merged.value().report;
  CHECK_EQ(report.shared, 2047);
  CHECK_EQ(report.added, 17953);
  CHECK_EQ(report.left_out, 0);
  CHECK_EQ(report.dead_old, 194);
  CHECK_EQ(report.dead_new, 345);
  CHECK_EQ(report.dead_old_pieces.size(), size_t{100});
  CHECK_EQ(report.padded_rows_64, 49984);
  CHECK_EQ(changed_lines(base.value(), merged.value().model), size_t{362});
  // What is written is read back by ourselves and keeps LLaMA's normaliser.
  const std::string bytes = serialize_model(merged.value().model);
  const auto read = parse_model(as_bytes(bytes));
  CHECK_OK(read.status());
  CHECK(read.ok() && serialize_model(read.value()) == bytes);
  CHECK(read.ok() && read.value().normalizer_spec.name == "identity");
}

TEST("merge golden: a trained BPE model into LLaMA gives BELLE's rows with their scores") {
  if (test::shared_folder().empty()) return test::skip("no shared reference material");
  const auto base = shared("llama/tokenizer.model"), addition = zh_24000();
  CHECK_OK(base.status());
  CHECK_OK(addition.status());
  if (!base.ok() || !addition.ok()) return;
  const auto merged = merge_vocabulary(base.value(), addition.value(), MergeMode::belle);
  CHECK_OK(merged.status());
  if (!merged.ok()) return;
  check_rows(merged.value().model, "merge-own-scores.vocab.jsonl.gz");
  CHECK_EQ(merged.value().report.shared, 5290);
  CHECK_EQ(merged.value().report.added, 18710);
}

TEST("merge golden: safe mode leaves every old piece and every English line as they were") {
  if (test::shared_folder().empty()) return test::skip("no shared reference material");
  const auto base = shared("llama/tokenizer.model");
  CHECK_OK(base.status());
  if (!base.ok()) return;
  for (const auto& addition : {zh_24000(), shared("chinese-llama/chinese_sp.model")}) {
    CHECK_OK(addition.status());
    if (!addition.ok()) return;
    const auto merged = merge_vocabulary(base.value(), addition.value(), MergeMode::safe);
    CHECK_OK(merged.status());
    if (!merged.ok()) return;
    CHECK(merged.value().report.added > 10000);
    CHECK_EQ(merged.value().report.dead_old, 0);
    CHECK_EQ(changed_lines(base.value(), merged.value().model), size_t{0});
    std::vector<float> scores;
    for (const Piece& piece : merged.value().model.pieces)
      if (&piece >= &merged.value().model.pieces[32000]) scores.push_back(piece.score);
    std::sort(scores.begin(), scores.end());
    CHECK(std::adjacent_find(scores.begin(), scores.end()) == scores.end());
    CHECK(scores.back() < -1e9f);
  }
}
