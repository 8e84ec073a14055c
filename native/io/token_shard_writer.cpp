#include "native/io/megatron_index.h"
#include "native/io/token_shard.h"

namespace belle::io {

static Status misuse(const std::string& what) {
  return Status(StatusCode::invalid_argument, "token shards: " + what);
}

struct TokenShardWriter::State {
  std::string folder;
  bool wide = false;
  uint64_t max_shard_tokens = 0;
  size_t shards = 0;
  std::vector<FileRecord> records;
  // of the shard being written
  std::unique_ptr<FileWriter> ids, mask;
  std::vector<int32_t> lengths;
  std::vector<int64_t> documents;
  uint64_t tokens = 0;
  std::vector<uint16_t> narrow;  // scratch

  Status open_shard() {
    const std::string stem = folder + "/" + shard_stem(shards);
    BELLE_ASSIGN(ids, FileWriter::create(stem + ".bin"));
    BELLE_ASSIGN(mask, FileWriter::create(stem + ".mask"));
    lengths.clear();
    documents.assign(1, 0);
    tokens = 0;
    return {};
  }

  Status close_shard() {
    BELLE_ASSIGN(FileRecord bin_record, ids->commit());
    BELLE_ASSIGN(FileRecord mask_record, mask->commit());
    BELLE_ASSIGN(FileRecord idx_record, write_index());
    records.push_back(std::move(bin_record));
    records.push_back(std::move(idx_record));
    records.push_back(std::move(mask_record));
    ids.reset();
    mask.reset();
    ++shards;
    return {};
  }

  Result<FileRecord> write_index() {
    BELLE_ASSIGN(const std::unique_ptr<FileWriter> file,
                 FileWriter::create(folder + "/" + shard_stem(shards) + ".idx"));
    const auto put = [&](const auto& value) { return file->write(&value, sizeof value); };
    BELLE_TRY(file->write(kIndexMagic));
    BELLE_TRY(put(kIndexVersion));
    BELLE_TRY(put(wide ? kIndexInt32 : kIndexUint16));
    BELLE_TRY(put(static_cast<uint64_t>(lengths.size())));
    BELLE_TRY(put(static_cast<uint64_t>(documents.size())));
    BELLE_TRY(file->write(lengths.data(), lengths.size() * sizeof lengths[0]));
    int64_t pointer = 0;
    for (const int32_t length : lengths) {
      BELLE_TRY(put(pointer));
      pointer += int64_t{length} * (wide ? 4 : 2);
    }
    BELLE_TRY(file->write(documents.data(), documents.size() * sizeof documents[0]));
    return file->commit();
  }
};

TokenShardWriter::TokenShardWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
TokenShardWriter::~TokenShardWriter() = default;

Result<std::unique_ptr<TokenShardWriter>> TokenShardWriter::create(const std::string& folder, bool wide,
                                                                   uint64_t max_shard_tokens) {
  if (max_shard_tokens == 0) return misuse("max_shard_tokens must be at least 1");
  auto state = std::make_unique<State>();
  state->folder = folder;
  state->wide = wide;
  state->max_shard_tokens = max_shard_tokens;
  return std::unique_ptr<TokenShardWriter>(new TokenShardWriter(std::move(state)));
}

Status TokenShardWriter::add_sample(std::span<const int32_t> ids, std::span<const uint8_t> mask) {
  State& s = *state_;
  if (ids.empty()) return misuse("a sample has no tokens");
  if (ids.size() > INT32_MAX) return misuse("a sample has more than 2147483647 tokens");
  if (ids.size() != mask.size()) {
    return misuse("a sample has " + std::to_string(ids.size()) + " ids but " + std::to_string(mask.size()) +
                  " mask bytes");
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || (!s.wide && ids[i] > UINT16_MAX)) {
      return misuse("token id " + std::to_string(ids[i]) + " at position " + std::to_string(i) +
                    (s.wide ? " is negative" : " does not fit 16 bits; write wide shards"));
    }
    if (mask[i] > 1) return misuse("mask byte " + std::to_string(mask[i]) + " is neither 0 nor 1");
  }
  if (!s.ids) BELLE_TRY(s.open_shard());
  if (s.wide) {
    BELLE_TRY(s.ids->write(ids.data(), ids.size_bytes()));
  } else {
    s.narrow.assign(ids.begin(), ids.end());
    BELLE_TRY(s.ids->write(s.narrow.data(), s.narrow.size() * sizeof s.narrow[0]));
  }
  BELLE_TRY(s.mask->write(mask.data(), mask.size()));
  s.lengths.push_back(static_cast<int32_t>(ids.size()));
  s.tokens += ids.size();
  return {};
}

Status TokenShardWriter::end_pack() {
  State& s = *state_;
  if (!s.ids || s.documents.back() == static_cast<int64_t>(s.lengths.size())) {
    return misuse("a pack ends without a sample in it");
  }
  s.documents.push_back(static_cast<int64_t>(s.lengths.size()));
  return s.tokens >= s.max_shard_tokens ? s.close_shard() : Status();
}

Result<std::vector<FileRecord>> TokenShardWriter::finish() {
  State& s = *state_;
  if (s.ids) {
    if (s.documents.back() != static_cast<int64_t>(s.lengths.size()))
      return misuse("the last pack was not ended");
    BELLE_TRY(s.close_shard());
  }
  if (s.records.empty()) return misuse("no sample was added");
  return s.records;
}

}  // namespace belle::io
