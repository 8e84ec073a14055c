// The check of an export over the lines of files.
#include "native/tokenizer/export/export_lines.h"

#include <fstream>

#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

// Without legacy " a" differs and "a" does not.
Result<ExportCheck> check_file(const std::string& text, int threads, bool stopped = false) {
  SentencePieceModel model =
      small_model({piece_of("▁", -9), piece_of("a", -9), piece_of("▁a", -1), piece_of("xa", -2)});
  model.normalizer_spec.add_dummy_prefix = true;
  BELLE_ASSIGN(const ExportChecker checker,
               ExportChecker::create(model, {.legacy = false, .add_bos = false}));
  const std::string path = test::temporary_folder() + "/lines.txt";
  std::ofstream(path, std::ios::binary) << text;
  BELLE_ASSIGN(const auto lines, TextLines::open({path}, 0));
  ThreadPool pool(threads);
  uint64_t last = 0;
  return check_export(checker, lines, pool, stopped, [&](uint64_t done, uint64_t total) {
    CHECK(done >= last && done <= total);
    last = done;
  });
}

}  // namespace

TEST("export lines: the same for any number of threads, the first lines that differ in their order") {
  std::string text;
  int64_t spaced = 0;
  for (int i = 0; i < 200'000; ++i) {  // of several chunks
    const bool differs = i % 7 == 3;
    spaced += differs;
    text += (differs ? " a" : "a") + std::string(static_cast<size_t>(i % 11), 'a') + "\n";
  }
  for (const int threads : {1, 3}) {
    const auto result = check_file(text, threads);
    CHECK_OK(result.status());
    if (!result.ok()) return;
    const ExportCheck& check = result.value();
    CHECK_EQ(check.lines, 200'000);
    CHECK_EQ(check.differing, spaced);
    CHECK_EQ(check.examples.size(), ExportCheck::kExamples);
    CHECK(check.examples[0].text == " aaaa" && check.examples[1].text == " aaaaaaaaaaa");
    CHECK(check.lost_pieces == std::vector<std::string>{"xa"});
  }
}

TEST("export lines: a stop is heard") {
  const auto result = check_file("a\n a\n", 2, true);
  CHECK_EQ(static_cast<int>(result.status().code()), static_cast<int>(StatusCode::aborted));
}
