// Mutated model files, the same ones every run: each is refused with a sentence or works.
#include <cstring>

#include "native/core/philox.h"
#include "native/tokenizer/normalizer.h"
#include "test/native/tokenizer/shared_files.h"
#include "test/native/tokenizer/small_model.h"

using namespace belle;
using namespace belle::tokenizer;

namespace {

// A model with every kind of piece and a charsmap "A" -> "x".
std::string seed_model() {
  SentencePieceModel model =
      small_model({piece_of("a", -1), piece_of("b", -2), piece_of("ab", -3), piece_of("x", -4),
                   piece_of("abx", -5, PieceType::unused), piece_of("\xE4\xBD\xA0", -6),
                   piece_of("\xE2\x96\x81", -7), piece_of("<t>", 0, PieceType::user_defined)});
  std::vector<uint32_t> units(256);
  units[0] = 1u << 10;
  units[0x40] = 0x41u | 1u << 8 | (0x40u ^ 0xC0u) << 10;
  units[0xC0] = 1u << 31;
  const uint32_t size = 1024;
  std::string& blob = model.normalizer_spec.precompiled_charsmap;
  blob.append(reinterpret_cast<const char*>(&size), 4);
  blob.append(reinterpret_cast<const char*>(units.data()), 1024);
  blob.append("x\0yz\0", 5);
  model.normalizer_spec.add_dummy_prefix = true;
  model.trainer_spec.control_symbols = {"<s>"};
  return serialize_model(model);
}

void mutate(std::string* bytes, const Philox& random, uint64_t index) {
  uint32_t draw = 0;
  const auto below = [&](uint64_t limit) {
    return static_cast<size_t>(random.block(index, draw++)[0] % limit);
  };
  for (size_t edits = 1 + below(3); edits-- > 0 && !bytes->empty();) {
    // The charsmap is most of the file: every other edit aims at what stands before it.
    const size_t at = below(below(2) ? bytes->size() : std::min<size_t>(bytes->size(), 160));
    switch (below(12)) {
      case 1:
        (*bytes)[at] = static_cast<char>(below(256));
        break;
      case 2:
        bytes->erase(at, 1 + below(8));
        break;
      case 3:
        bytes->insert(at, 1 + below(8), static_cast<char>(below(256)));
        break;
      case 4:
        bytes->resize(at);
        break;
      case 5:
        bytes->insert(below(bytes->size() + 1), bytes->substr(at, 1 + below(64)));
        break;
      default:  // most often a bit flip, which leaves the lengths right
        (*bytes)[at] ^= static_cast<char>(1u << below(8));
        break;
    }
  }
}

}  // namespace

TEST("fuzz: 40,000 mutations of a small model are refused or encode and decode") {
  const std::string seed = seed_model();
  CHECK_OK(parse_model(as_bytes(seed)).status());
  const Philox random(2024, RngStream::test);
  size_t accepted = 0, refused = 0;
  for (uint64_t i = 0; i < 40'000; ++i) {
    std::string bytes = seed;
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
