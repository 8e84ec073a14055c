// Mutated model files, the same ones every run: each is refused with a sentence or works.
#include <cstring>

#include "native/tokenizer/normalizer.h"
#include "test/native/tokenizer/mutations.h"
#include "test/native/tokenizer/shared_files.h"

using namespace belle;
using namespace belle::tokenizer;

TEST("fuzz: 40,000 mutations of a small model are refused or encode and decode") {
  const std::string seeds[] = {seed_model(false), seed_model(true)};
  for (const std::string& seed : seeds) CHECK_OK(parse_model(as_bytes(seed)).status());
  const Philox random(2024, RngStream::test);
  size_t accepted = 0, refused = 0;
  for (uint64_t i = 0; i < 40'000; ++i) {
    std::string bytes = seeds[i % 2];
    mutate(&bytes, random, i);
    auto model = parse_model(as_bytes(bytes));
    if (!model.ok()) {
      ++refused;
      CHECK(model.status().code() == StatusCode::invalid_data && model.status().message().size() > 20);
      continue;
    }
    const std::string again = serialize_model(model.value());
    CHECK_OK(parse_model(as_bytes(again)).status());
    const auto tokenizer = SentencePieceTokenizer::create(model.take());
    if (!tokenizer.ok()) {
      ++refused;
      CHECK(tokenizer.status().code() == StatusCode::invalid_data);
      continue;
    }
    ++accepted;
    Ids ids;
    const Status status = tokenizer.value()->encode(
        "<t>abxAab \xE4\xBD\xA0\xFF"
        "A<s>",
        &ids);
    CHECK(status.ok() || status.code() == StatusCode::unsupported);
    for (const int32_t id : ids) CHECK(id >= 0 && id < tokenizer.value()->vocab_size());
    for (int32_t id = -1; id <= tokenizer.value()->vocab_size(); ++id) ids.push_back(id);
    (void)tokenizer.value()->decode(ids);
    (void)tokenizer.value()->encode_normalized(bytes);
  }
  // Both sides must be exercised for the loop to mean anything.
  CHECK(accepted > 5'000);
  CHECK(refused > 10'000);
}

TEST("fuzz: charsmaps with random units never lead a search out of the trie") {
  const Philox random(7, RngStream::test);
  size_t accepted = 0;
  for (uint64_t i = 0; i < 3'000; ++i) {
    std::string blob(4 + 1024, '\0');
    blob[1] = 4;
    for (uint32_t at = 0; at < 256; ++at) {
      const auto draw = random.block(i, at);
      // Mostly units that pass the checks (offset inside, value small), so that searches walk far.
      uint32_t unit = (at ^ (draw[1] & 0xFF)) | (draw[2] & 0xFF) << 10 | (draw[3] % 8 == 0 ? 1u << 31 : 0);
      if (i % 2 == 0 && draw[3] % 997 == 0) unit = draw[0];
      if (at == 0) unit &= ~(1u << 31 | 0xFF);
      if (unit >> 31) unit = 1u << 31 | draw[0] % 3;
      std::memcpy(blob.data() + 4 + 4 * at, &unit, 4);
    }
    blob.append("p\0q", 4);
    NormalizerSpec spec;
    spec.precompiled_charsmap = blob;
    const auto normalizer = Normalizer::create(spec);
    if (!normalizer.ok()) {
      CHECK(contains(normalizer.status().message(), "precompiled_charsmap"));
      continue;
    }
    ++accepted;
    std::string text;
    for (uint32_t at = 0; at < 64; ++at) text.push_back(static_cast<char>(random.block(i, 1000 + at)[0]));
    CHECK(normalizer.value().normalize(text).size() < 64 * 8);
  }
  CHECK(accepted > 1'000);
}
