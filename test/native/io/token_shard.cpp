#include "native/io/token_shard.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "test/native/check.h"

using namespace belle;
using namespace belle::io;

namespace {

struct Sample {
  std::vector<int32_t> ids;
  std::vector<uint8_t> mask;
};

// Five packs of 1 to 3 samples; ids and masks are a function of their place.
std::vector<std::vector<Sample>> sample_packs() {
  std::vector<std::vector<Sample>> packs(5);
  int32_t next = 0;
  for (size_t p = 0; p < packs.size(); ++p) {
    for (size_t s = 0; s <= p % 3; ++s) {
      Sample sample;
      for (size_t t = 0; t < 2 + (p + s) % 4; ++t, ++next) {
        sample.ids.push_back(next * 7 % 5000);
        sample.mask.push_back(next % 3 != 0);
      }
      packs[p].push_back(sample);
    }
  }
  return packs;
}

Json::Object counts() {
  int64_t samples = 0, tokens = 0, supervised = 0, packs = 0;
  for (const auto& pack : sample_packs()) {
    ++packs;
    for (const Sample& sample : pack) {
      ++samples;
      tokens += static_cast<int64_t>(sample.ids.size());
      for (size_t t = 1; t < sample.ids.size(); ++t) supervised += sample.mask[t];
    }
  }
  return {{"schema", "belle-train/tokens/1"}, {"samples", samples},  {"packs", packs}, {"tokens", tokens},
          {"supervised_tokens", supervised},  {"max_token_id", 5000}};
}

int64_t count_of(const char* key) { return *Json(counts()).find(key)->integer(); }

std::string write_shards(bool wide, Json::Object fields = counts(), uint64_t max_shard_tokens = 12) {
  const std::string path = test::temporary_folder() + "/tokens";
  auto commit = DirectoryCommit::create(path);
  CHECK_OK(commit.status());
  auto writer = TokenShardWriter::create(commit.value()->folder(), wide, max_shard_tokens);
  CHECK_OK(writer.status());
  for (const auto& pack : sample_packs()) {
    for (const Sample& sample : pack) CHECK_OK(writer.value()->add_sample(sample.ids, sample.mask));
    CHECK_OK(writer.value()->end_pack());
  }
  auto records = writer.value()->finish();
  CHECK_OK(records.status());
  for (FileRecord& record : records.value()) commit.value()->add(std::move(record));
  CHECK_OK(commit.value()->commit(std::move(fields)));
  return path;
}

// Patches bytes of a file and the manifest's hash of it, so that only the reader's own checks are left.
std::string error_after(const std::string& file, const std::function<void(std::string*)>& damage) {
  const std::string path = write_shards(false);
  auto bytes = read_file(path + "/" + file, 1 << 20);
  CHECK_OK(bytes.status());
  std::string text = bytes.take();
  damage(&text);
  auto record = write_file(path + "/" + file, text);
  CHECK_OK(record.status());
  auto manifest = read_json_file(path + "/MANIFEST.json");
  for (Json& entry : *const_cast<Json*>(manifest.value().find("files"))->array()) {
    if (*entry.find("name")->string() != file) continue;
    entry.set("bytes", static_cast<int64_t>(record.value().bytes));
    entry.set("sha256", record.value().sha256);
  }
  CHECK_OK(write_file(path + "/MANIFEST.json", manifest.value().dump()).status());
  const auto shards = TokenShards::open(path, true);
  return shards.ok() ? "accepted" : shards.status().message();
}

template <class T>
void poke(std::string* text, size_t at, T value) {
  std::memcpy(text->data() + at, &value, sizeof value);
}

void expect(const std::string& message, const std::string& part) {
  if (message.find(part) == message.npos)
    test::fail(__FILE__, __LINE__, "'" + part + "' is not in '" + message + "'");
}

}  // namespace

TEST("token shards: ids, masks and packs round-trip in both widths") {
  for (const bool wide : {false, true}) {
    const auto opened = TokenShards::open(write_shards(wide), true);
    CHECK_OK(opened.status());
    if (!opened.ok()) continue;
    const TokenShards& shards = opened.value();
    const auto packs = sample_packs();
    CHECK_EQ(shards.packs(), packs.size());
    CHECK_EQ(static_cast<int64_t>(shards.samples()), count_of("samples"));
    CHECK_EQ(static_cast<int64_t>(shards.tokens()), count_of("tokens"));
    uint64_t sample = 0;
    for (size_t p = 0; p < packs.size(); ++p) {
      CHECK_EQ(shards.pack(p), std::pair(sample, sample + packs[p].size()));
      for (const Sample& expected : packs[p]) {
        std::vector<int32_t> ids, labels;
        CHECK_EQ(shards.sample_length(sample), expected.ids.size());
        CHECK_OK(shards.read_sample(sample++, &ids, &labels));
        CHECK(ids == expected.ids);
        for (size_t t = 0; t < labels.size(); ++t) {
          CHECK_EQ(labels[t], t > 0 && expected.mask[t] ? expected.ids[t] : -100);
        }
      }
    }
    std::vector<int32_t> ids, labels;
    CHECK_EQ(std::string(shards.read_sample(sample, &ids, &labels).message()),
             "sample " + std::to_string(sample) + " of " + std::to_string(sample) + " does not exist");
  }
}

TEST("token shards: the index is Megatron's, byte for byte") {
  const std::string path = test::temporary_folder() + "/tokens";
  auto commit = DirectoryCommit::create(path);
  auto writer = TokenShardWriter::create(commit.value()->folder(), false, 100);
  const std::vector<int32_t> first{1, 2, 3}, second{4, 65535};
  const std::vector<uint8_t> mask{1, 1, 1};
  CHECK_OK(writer.value()->add_sample(first, mask));
  CHECK_OK(writer.value()->add_sample(second, std::span(mask).first(2)));
  CHECK_OK(writer.value()->end_pack());
  CHECK_OK(writer.value()->finish().status());
  const auto index = read_file(commit.value()->folder() + "/shard-00000.idx", 1 << 20);
  CHECK_OK(index.status());
  std::string expected("MMIDIDX\0\0", 9);
  const auto put = [&](auto value) { expected.append(reinterpret_cast<const char*>(&value), sizeof value); };
  put(uint64_t{1}), put(uint8_t{8}), put(uint64_t{2}), put(uint64_t{2});
  put(int32_t{3}), put(int32_t{2}), put(int64_t{0}), put(int64_t{6}), put(int64_t{0}), put(int64_t{2});
  CHECK(index.value() == expected);
  CHECK_EQ(std::string(read_file(commit.value()->folder() + "/shard-00000.bin", 100).value()),
           std::string("\1\0\2\0\3\0\4\0\xff\xff", 10));
}

TEST("token shards: identity is the manifest; the same data gives the same one") {
  const auto a = TokenShards::open(write_shards(false), false),
             b = TokenShards::open(write_shards(false), false);
  const auto c = TokenShards::open(write_shards(true), false);
  CHECK_EQ(a.value().fingerprint(), b.value().fingerprint());
  CHECK(a.value().fingerprint() != c.value().fingerprint());
  CHECK_EQ(a.value().fingerprint().size(), 64u);
}

TEST("token shards: a lying or damaged index is refused") {
  const std::string idx = "shard-00000.idx";
  expect(error_after(idx, [](std::string*) {}), "accepted");
  expect(error_after(idx, [](std::string* t) { t->resize(20); }), "is shorter than the header of an index");
  expect(error_after(idx, [](std::string* t) { (*t)[0] = 'X'; }), "does not begin with MMIDIDX");
  expect(error_after(idx, [](std::string* t) { poke(t, 9, uint64_t{2}); }), "has version 2; only 1 is known");
  expect(error_after(idx, [](std::string* t) { poke(t, 17, uint8_t{5}); }), "has dtype code 5; only 8");
  expect(error_after(idx, [](std::string* t) { poke(t, 18, UINT64_MAX / 12 + 1); }),
         "does not match its size");
  expect(error_after(idx, [](std::string* t) { poke(t, 26, uint64_t{1} << 61); }), "does not match its size");
  expect(error_after(idx, [](std::string* t) { t->pop_back(); }), "does not match its size");
  expect(error_after(idx, [](std::string* t) { poke(t, 34, int32_t{-1}); }), "sequence 0 has length -1");
  expect(error_after(idx, [](std::string* t) { poke(t, 34, int32_t{0}); }), "sequence 0 has length 0");
  expect(error_after(idx, [](std::string* t) { poke(t, 34, INT32_MAX); }),
         "sequence 1 does not begin where the one");
  expect(error_after(idx, [](std::string* t) { poke(t, 17, uint8_t{4}); }),
         "does not begin where the one before");
  expect(error_after(idx, [](std::string* t) { poke(t, t->size() - 8, int64_t{1} << 40); }),
         "its last document does not end with the last sequence");
  expect(error_after(idx, [](std::string* t) { poke(t, t->size() - 16, int64_t{0}); }),
         "does not ascend from 0");
  expect(error_after("shard-00000.bin", [](std::string* t) { t->resize(t->size() - 2); }),
         "bytes where its index needs");
  expect(error_after("shard-00000.mask", [](std::string* t) { *t += "x"; }), "bytes where its index needs");
}

TEST("token shards: ids and mask bytes are checked when read") {
  const auto first_error = [](const std::string& file, const std::function<void(std::string*)>& damage) {
    const std::string path = write_shards(false);
    auto text = read_file(path + "/" + file, 1 << 20).take();
    damage(&text);
    std::ofstream(path + "/" + file, std::ios::binary) << text;
    const auto shards = TokenShards::open(path, false);  // no hashes: the sizes still agree
    CHECK_OK(shards.status());
    std::vector<int32_t> ids, labels;
    return shards.value().read_sample(0, &ids, &labels).message();
  };
  expect(first_error("shard-00000.bin", [](std::string* t) { poke(t, 2, uint16_t{5001}); }),
         "at position 1 the token id 5001, over the manifest's max_token_id 5000");
  expect(first_error("shard-00000.mask", [](std::string* t) { (*t)[0] = 2; }),
         "a mask byte that is neither 0 nor 1");
}

TEST("token shards: the manifest must tell the truth") {
  const auto error = [](const char* key, Json value) {
    Json fields(counts());
    fields.set(key, std::move(value));
    const auto shards = TokenShards::open(write_shards(false, *fields.object()), true);
    return shards.ok() ? std::string("accepted") : shards.status().message();
  };
  expect(error("schema", "belle-train/tokens/2"), "its schema is not belle-train/tokens/1");
  expect(error("samples", 3), "states 3 samples");
  expect(error("tokens", int64_t{1} << 60), "tokens but the shards hold");
  expect(error("packs", nullptr), "has no \"packs\" that is a whole number");
  expect(error("max_token_id", int64_t{1} << 31), "states a max_token_id past 31 bits");
  expect(error("supervised_tokens", int64_t{1} << 30), "states more supervised tokens than tokens");
  const std::string path = write_shards(false);
  std::string flipped = read_file(path + "/shard-00001.bin", 1 << 20).take();
  flipped[0] = static_cast<char>(flipped[0] ^ 1);
  std::ofstream(path + "/shard-00001.bin", std::ios::binary) << flipped;
  const auto shards = TokenShards::open(path, true);
  CHECK_EQ(std::string(shards.status().message()),
           path +
               "/shard-00001.bin does not have the sha256 that the manifest says; the "
               "file was damaged or changed after it was written: use another copy");
}

TEST("token shards: the writer refuses bad samples") {
  auto writer = TokenShardWriter::create(test::temporary_folder(), false, 100);
  CHECK_OK(writer.status());
  const auto add = [&](std::vector<int32_t> ids, std::vector<uint8_t> mask) {
    return writer.value()->add_sample(ids, mask).message();
  };
  CHECK_EQ(add({}, {}), "token shards: a sample has no tokens");
  CHECK_EQ(add({1, 2}, {1}), "token shards: a sample has 2 ids but 1 mask bytes");
  CHECK_EQ(add({1, 65536}, {1, 1}),
           "token shards: token id 65536 at position 1 does not fit 16 bits; write wide shards");
  CHECK_EQ(add({-1}, {1}), "token shards: token id -1 at position 0 does not fit 16 bits; write wide shards");
  CHECK_EQ(add({1}, {2}), "token shards: mask byte 2 is neither 0 nor 1");
  CHECK_EQ(std::string(writer.value()->end_pack().message()),
           "token shards: a pack ends without a sample in it");
  CHECK_EQ(std::string(writer.value()->finish().status().message()), "token shards: no sample was added");
  CHECK_EQ(add({1}, {1}), "");
  CHECK_EQ(std::string(writer.value()->finish().status().message()),
           "token shards: the last pack was not ended");
  CHECK_EQ(std::string(TokenShardWriter::create("/x", false, 0).status().message()),
           "token shards: max_shard_tokens must be at least 1");
}
