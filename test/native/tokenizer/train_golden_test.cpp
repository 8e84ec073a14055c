// Vocabularies trained by sentencepiece 0.2.2: every piece, score and type equal, in order.
#include <chrono>
#include <filesystem>
#include <iostream>

#include "native/core/mapped_file.h"
#include "native/tokenizer/train/bpe_trainer.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/train_case.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

std::string corpus_path(const std::string& name) {
  const std::string shared = test::shared_folder();
  const std::string text = shared + "/data/text/" + name;
  return std::filesystem::exists(text) ? text : shared + "/goldens/tokenizer/" + name;
}

// memory_limit: 0 for none; with one the counts must go to disk.
void check_golden(const std::string& name, uint64_t memory_limit = 0) {
  const std::string shared = test::shared_folder();
  if (shared.empty()) return test::skip("no shared reference material");
  auto list = MappedFile::open(shared + "/goldens/tokenizer/train.json");
  CHECK_OK(list.status());
  if (!list.ok()) return;
  const auto bytes = list.value().bytes();
  auto cases = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  CHECK_OK(cases.status());
  const Json* wanted = nullptr;
  if (cases.ok())
    for (const Json& one : *cases.value().array())
      if (*one.find("name")->string() == name) wanted = &one;
  CHECK(wanted != nullptr);
  if (!wanted) return;

  BpeTrainRequest request;
  request.files = {corpus_path(*wanted->find("input")->string())};
  request.trainer_spec.vocab_size = static_cast<int32_t>(*wanted->find("vocab_size")->integer());
  for (const auto& [option, value] : *wanted->find("options")->object())
    CHECK(set_option(&request, option, value));
  request.memory_limit = memory_limit;
  request.work_folder = test::temporary_folder();
  const auto start = std::chrono::steady_clock::now();
  const std::atomic<bool> stop{false};
  BpeTrainProgress last{};
  auto model = train_bpe(request, stop, [&](const BpeTrainProgress& now) { last = now; });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  CHECK_OK(model.status());
  if (!model.ok()) return;
  std::cout << "    " << name << ": " << seconds << " s, " << last.shards << " shards, " << last.generations
            << " generations\n";
  // Counted in generations; no tie between two splits of one text sent it to the plain way.
  CHECK(last.generations > 0);
  CHECK_EQ(last.shards > 0, memory_limit > 0);
  CHECK_EQ(last.ties, uint64_t{0});
  CHECK(std::filesystem::is_empty(request.work_folder));

  const auto& pieces = model.value().pieces;
  size_t wrong = 0;
  size_t row_index = 0;
  const size_t rows = each_golden("train-" + name + ".vocab.jsonl.gz", [&](const Json& row) {
    const Json::Array& cells = *row.array();
    double score = 0;
    cells[1].number(&score);
    const size_t index = row_index++;
    if (index >= pieces.size()) return;
    const Piece& piece = pieces[index];
    const bool equal = piece.piece == *cells[0].string() && piece.score == static_cast<float>(score) &&
                       static_cast<int64_t>(piece.type) == *cells[2].integer();
    if (!equal && wrong++ < 3)
      test::fail(__FILE__, __LINE__,
                 name + " row " + std::to_string(index) + ": " + piece.piece + " " +
                     std::to_string(piece.score) + ", expected " + *cells[0].string() + " " +
                     std::to_string(score));
  });
  CHECK_EQ(pieces.size(), rows);
  CHECK_EQ(wrong, size_t{0});
  CHECK_EQ(model.value().trainer_spec.vocab_size, request.trainer_spec.vocab_size);
}

}  // namespace

TEST("train golden: botchan-1000-default") { check_golden("botchan-1000-default"); }
TEST("train golden: botchan-4000-identity") { check_golden("botchan-4000-identity"); }
TEST("train golden: waga-8000-default") { check_golden("waga-8000-default"); }
TEST("train golden: waga-8000-identity-len2048") { check_golden("waga-8000-identity-len2048"); }
TEST("train golden: zh-8000-llama-flags") { check_golden("zh-8000-llama-flags"); }
TEST("train golden: zh-24000-llama-flags") { check_golden("zh-24000-llama-flags"); }
TEST("train golden: zh-6000-nmt_nfkc-cov9995") { check_golden("zh-6000-nmt_nfkc-cov9995"); }
TEST("train golden: zh-8000-userdefined") { check_golden("zh-8000-userdefined"); }
TEST("train golden: zh-30mb-50000-belle") { check_golden("zh-30mb-50000-belle"); }

// The same on disk, within 1 MiB and 64 MiB. (zh-24000 goes down to count 2, where nearly all text is in
// runs: train_limit_test.cpp sees such a case refused.)
TEST("train golden, limited: botchan-1000-default") {
  check_golden("botchan-1000-default", uint64_t{1} << 20);
}
TEST("train golden, limited: botchan-4000-identity") {
  check_golden("botchan-4000-identity", uint64_t{1} << 20);
}
TEST("train golden, limited: waga-8000-default") { check_golden("waga-8000-default", uint64_t{1} << 20); }
TEST("train golden, limited: waga-8000-identity-len2048") {
  check_golden("waga-8000-identity-len2048", uint64_t{1} << 20);
}
TEST("train golden, limited: zh-8000-llama-flags") { check_golden("zh-8000-llama-flags", uint64_t{1} << 20); }
TEST("train golden, limited: zh-6000-nmt_nfkc-cov9995") {
  check_golden("zh-6000-nmt_nfkc-cov9995", uint64_t{1} << 20);
}
TEST("train golden, limited: zh-8000-userdefined") { check_golden("zh-8000-userdefined", uint64_t{1} << 20); }
TEST("train golden, limited: zh-30mb-50000-belle") {
  check_golden("zh-30mb-50000-belle", uint64_t{64} << 20);
}
