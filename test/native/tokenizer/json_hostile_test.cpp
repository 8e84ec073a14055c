// Files made to fill the memory or the day are refused with a sentence, or their texts are. How much memory
// is taken on the way is measured by test/native/fuzz, which reads the same files.
#include "native/tokenizer/load_tokenizer.h"
#include "test/native/tokenizer/json_case.h"
#include "test/native/tokenizer/large_files.h"
#include "test/native/tokenizer/shared_files.h"

using namespace belle;
using namespace belle::tokenizer;

TEST("json hostile: large files are read within seconds or refused") {
  for (const LargeFile& file : large_files()) {
    Status status;
    const double took = seconds([&] {
      const auto made = parse_tokenizer(as_bytes(file.bytes), {.splitter = "gpt2", .special = {}});
      status = made.status();
      if (!made.ok()) return;
      Ids ids;
      status = made.value()->encode("a <t> aab  b", &ids);
    });
    if (took > 10) test::fail(__FILE__, __LINE__, file.name + " took " + std::to_string(took) + " s");
    if (status.ok() != file.refusal.empty() || status.message().find(file.refusal) == std::string::npos)
      test::fail(__FILE__, __LINE__, file.name + ": " + (status.ok() ? "accepted" : status.message()));
  }
}

TEST("json hostile: many parts of a text that each grow are refused together") {
  const auto t =
      accepted(json_of({replace_step("a", std::string(1000, 'b'))}, {added_token(2, "<t>", false)}));
  if (!t) return;
  Ids ids;
  CHECK_OK(t->encode("<t>a<t>a", &ids));
  const Status status = t->encode(repeated("<t>a", 1 << 20), &ids);
  CHECK(status.code() == StatusCode::invalid_argument);
  CHECK(status.message().find("take the steps that let it grow out of tokenizer.json") != std::string::npos);
}
