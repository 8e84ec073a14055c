// Mutated tokenizer.json files, the same ones every run: each is refused with a sentence or encodes and
// decodes.
#include "native/tokenizer/json/json_tokenizer.h"
#include "test/native/check.h"
#include "test/native/tokenizer/json_mutations.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

void use(const JsonTokenizer& tokenizer) {
  const std::string text = " <s>  ab ab abcab\xC3\xA9 \xE4\xBD\xA0\xE4\xBD\xA0\xFF\xE4\xBDx'll c\n\n  A<s>";
  std::vector<int32_t> ids, again;
  std::vector<ByteRange> ranges;
  const Status status = tokenizer.encode_with_offsets(text, &ids, &ranges);
  CHECK_EQ(tokenizer.encode(text, &again).ok(), status.ok());
  CHECK(status.ok() || status.code() == StatusCode::invalid_data);
  if (status.ok()) {
    CHECK_EQ(ids.size(), ranges.size());
    CHECK(ids == again);
    for (const ByteRange& range : ranges) CHECK(range.begin <= range.end && range.end <= text.size());
  }
  for (const int32_t id : ids) CHECK(tokenizer.kind(id) != JsonPieceKind::absent);
  for (int32_t id = -2; id <= std::min(tokenizer.vocab_size(), 100); ++id) {
    ids.push_back(id);
    if (tokenizer.kind(id) == JsonPieceKind::absent) CHECK(tokenizer.piece(id).empty());
  }
  (void)tokenizer.decode(ids, true);
  (void)tokenizer.decode(ids, false);
}

void fuzz(const std::string& seed, uint64_t first) {
  const auto whole = JsonTokenizer::parse(seed);
  CHECK_OK(whole.status());
  if (!whole.ok()) return;
  const std::string fingerprint = whole.value()->fingerprint();
  const Philox random(2025, RngStream::test);
  size_t accepted = 0, refused = 0, other = 0;
  for (uint64_t i = first; i < first + 12'000; ++i) {
    std::string text = seed;
    mutate_json(&text, random, i);
    const auto tokenizer = JsonTokenizer::parse(text);
    if (!tokenizer.ok()) {
      ++refused;
      const Status& status = tokenizer.status();
      CHECK(status.code() == StatusCode::invalid_data || status.code() == StatusCode::unsupported);
      CHECK(status.message().starts_with("tokenizer.json: ") && status.message().size() > 30);
      continue;
    }
    ++accepted;
    other += tokenizer.value()->fingerprint() != fingerprint;
    use(*tokenizer.value());
  }
  // Both sides must be exercised for the loop to mean anything.
  CHECK(accepted > 1'000);
  CHECK(refused > 5'000);
  CHECK(other > 500);
}

}  // namespace

TEST("json fuzz: 12,000 mutations of a byte-level tokenizer.json") { fuzz(kByteLevelJson, 0); }
TEST("json fuzz: 12,000 mutations of a LLaMA-like tokenizer.json") { fuzz(kLlamaJson, 100'000); }

TEST("json fuzz: 10,000 mutations of a tiktoken rank file") {
  const std::string seed = seed_ranks();
  const Philox random(2026, RngStream::test);
  size_t accepted = 0, refused = 0;
  for (uint64_t i = 0; i < 10'000; ++i) {
    std::string text = seed;
    mutate_ranks(&text, random, i);
    const auto tokenizer = JsonTokenizer::from_tiktoken(text, "gpt2", {{"<s>", 300}});
    if (!tokenizer.ok()) {
      ++refused;
      CHECK(tokenizer.status().code() == StatusCode::invalid_data ||
            tokenizer.status().code() == StatusCode::invalid_argument);
      continue;
    }
    ++accepted;
    use(*tokenizer.value());
  }
  CHECK(accepted > 300);
  CHECK(refused > 3'000);
}
