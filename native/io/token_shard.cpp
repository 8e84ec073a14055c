#include "native/io/token_shard.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "native/core/checked.h"
#include "native/core/mapped_file.h"
#include "native/core/sha256.h"
#include "native/core/span_reader.h"
#include "native/io/megatron_index.h"

namespace belle::io {

static constexpr std::string_view kSchema = "belle-train/tokens/1";

static Status bad(const std::string& path, const std::string& what) {
  return Status(StatusCode::invalid_data, path + ": " + what + "; prepare the data again");
}

namespace {

struct Shard {
  MappedFile ids, mask;
  MappedFile index;
  bool wide = false;
  uint64_t samples = 0, packs = 0, tokens = 0;
  uint64_t first_sample = 0, first_pack = 0;  // in the whole data set

  // The arrays of the index start at byte 34: not aligned.
  template <class T>
  T at(uint64_t start, uint64_t i) const {
    T value;
    std::memcpy(&value, index.bytes().data() + start + i * sizeof(T), sizeof(T));
    return value;
  }
  uint64_t length(uint64_t sample) const { return static_cast<uint64_t>(at<int32_t>(kIndexHeader, sample)); }
  uint64_t pointer(uint64_t sample) const {  // bytes into ids
    return static_cast<uint64_t>(at<int64_t>(kIndexHeader + 4 * samples, sample));
  }
  uint64_t boundary(uint64_t pack) const {
    return static_cast<uint64_t>(at<int64_t>(kIndexHeader + 12 * samples, pack));
  }
};

Status check_index(Shard* shard) {
  const std::string& path = shard->index.path();
  SpanReader reader(shard->index.bytes());
  std::span<const uint8_t> magic;
  uint64_t version = 0, documents = 0;
  uint8_t code = 0;
  if (!reader.take(kIndexMagic.size(), &magic) || !reader.read(&version) || !reader.read(&code) ||
      !reader.read(&shard->samples) || !reader.read(&documents)) {
    return bad(path, "is shorter than the header of an index");
  }
  if (std::memcmp(magic.data(), kIndexMagic.data(), magic.size()) != 0) {
    return bad(path, "does not begin with MMIDIDX: not a Megatron index");
  }
  if (version != kIndexVersion)
    return bad(path, "has version " + std::to_string(version) + "; only 1 is known");
  if (code != kIndexInt32 && code != kIndexUint16) {
    return bad(path, "has dtype code " + std::to_string(code) + "; only 8 (uint16) and 4 (int32) are known");
  }
  shard->wide = code == kIndexInt32;
  uint64_t lengths = 0, boundaries = 0, size = 0;
  if (!checked_mul(shard->samples, 12, &lengths) || !checked_mul(documents, 8, &boundaries) ||
      !checked_add(lengths, boundaries, &size) || size != reader.remaining() || documents < 2) {
    return bad(path, "states " + std::to_string(shard->samples) + " sequences and " +
                         std::to_string(documents) + " document boundaries, which does not match its size");
  }
  shard->packs = documents - 1;
  const uint64_t width = shard->wide ? 4 : 2;
  for (uint64_t i = 0; i < shard->samples; ++i) {
    const auto length = shard->at<int32_t>(kIndexHeader, i);
    if (length <= 0)
      return bad(path, "sequence " + std::to_string(i) + " has length " + std::to_string(length));
    if (shard->pointer(i) != shard->tokens * width) {
      return bad(path, "sequence " + std::to_string(i) + " does not begin where the one before it ends");
    }
    shard->tokens +=
        static_cast<uint64_t>(length);  // at most 2^31 * samples, and samples fit a file: no wrap
  }
  for (uint64_t i = 0; i <= shard->packs; ++i) {
    const bool right = i == 0 ? shard->boundary(0) == 0 : shard->boundary(i) > shard->boundary(i - 1);
    if (!right) return bad(path, "document boundary " + std::to_string(i) + " does not ascend from 0");
  }
  if (shard->boundary(shard->packs) != shard->samples) {
    return bad(path, "its last document does not end with the last sequence");
  }
  if (shard->ids.bytes().size() != shard->tokens * width) {
    return bad(shard->ids.path(), "has " + std::to_string(shard->ids.bytes().size()) +
                                      " bytes where its index needs " +
                                      std::to_string(shard->tokens * width));
  }
  if (shard->mask.bytes().size() != shard->tokens) {
    return bad(shard->mask.path(), "has " + std::to_string(shard->mask.bytes().size()) +
                                       " bytes where its index needs " + std::to_string(shard->tokens));
  }
  return {};
}

Result<uint64_t> count_field(const Json& manifest, const std::string& path, const char* key) {
  const Json* field = manifest.find(key);
  if (!field || !field->integer() || *field->integer() < 0) {
    return bad(path, std::string("has no \"") + key + "\" that is a whole number");
  }
  return static_cast<uint64_t>(*field->integer());
}

}  // namespace

struct TokenShards::State {
  std::vector<Shard> shards;
  uint64_t samples = 0, packs = 0, tokens = 0, supervised = 0;
  uint64_t max_token_id = 0;
  std::string fingerprint;

  const Shard& shard_of(uint64_t number, uint64_t Shard::*first) const {
    const auto after =
        std::upper_bound(shards.begin(), shards.end(), number,
                         [&](uint64_t value, const Shard& shard) { return value < shard.*first; });
    return *std::prev(after);
  }
};

TokenShards::TokenShards(std::unique_ptr<State> state) : state_(std::move(state)) {}
TokenShards::TokenShards(TokenShards&&) noexcept = default;
TokenShards::~TokenShards() = default;

Result<TokenShards> TokenShards::open(const std::string& folder, bool hashes) {
  BELLE_ASSIGN(const Json manifest, verify_manifest(folder, hashes));
  const std::string path = folder + "/MANIFEST.json";
  const Json* schema = manifest.find("schema");
  if (!schema || !schema->string() || *schema->string() != kSchema) {
    return bad(path, "its schema is not " + std::string(kSchema) + ", so this is no folder of token shards");
  }
  std::set<std::string> names;  // only files with a hash in the manifest are opened
  size_t files = 0;
  for (const Json& entry : *manifest.find("files")->array()) {
    const std::string& name = *entry.find("name")->string();
    names.insert(name);
    files += name.starts_with("shard-") && name.ends_with(".idx");
  }
  auto state = std::make_unique<State>();
  for (size_t number = 0; number < files; ++number) {
    for (const char* suffix : {".bin", ".mask", ".idx"}) {
      const std::string name = shard_stem(number) + suffix;
      if (!names.contains(name)) return bad(path, "does not list " + name);
    }
    const std::string stem = folder + "/" + shard_stem(number);
    BELLE_ASSIGN(MappedFile ids, MappedFile::open(stem + ".bin"));
    BELLE_ASSIGN(MappedFile mask, MappedFile::open(stem + ".mask"));
    BELLE_ASSIGN(MappedFile index, MappedFile::open(stem + ".idx"));
    Shard shard{std::move(ids), std::move(mask), std::move(index), false, 0, 0, 0,
                state->samples, state->packs};
    BELLE_TRY(check_index(&shard));
    state->samples += shard.samples;
    state->packs += shard.packs;
    state->tokens += shard.tokens;
    state->shards.push_back(std::move(shard));
  }
  BELLE_ASSIGN(const uint64_t samples, count_field(manifest, path, "samples"));
  BELLE_ASSIGN(const uint64_t packs, count_field(manifest, path, "packs"));
  BELLE_ASSIGN(const uint64_t tokens, count_field(manifest, path, "tokens"));
  BELLE_ASSIGN(state->supervised, count_field(manifest, path, "supervised_tokens"));
  BELLE_ASSIGN(state->max_token_id, count_field(manifest, path, "max_token_id"));
  if (samples != state->samples || packs != state->packs || tokens != state->tokens) {
    return bad(path, "states " + std::to_string(samples) + " samples, " + std::to_string(packs) + " packs, " +
                         std::to_string(tokens) + " tokens but the shards hold " +
                         std::to_string(state->samples) + ", " + std::to_string(state->packs) + ", " +
                         std::to_string(state->tokens));
  }
  if (samples == 0) return bad(path, "there is no shard in this folder");
  if (state->supervised > tokens) return bad(path, "states more supervised tokens than tokens");
  if (state->max_token_id > INT32_MAX) return bad(path, "states a max_token_id past 31 bits");
  BELLE_ASSIGN(const std::string text, read_file(path, 64u << 20));
  state->fingerprint = sha256_hex(text.data(), text.size());
  return TokenShards(std::move(state));
}

uint64_t TokenShards::samples() const { return state_->samples; }
uint64_t TokenShards::packs() const { return state_->packs; }
uint64_t TokenShards::tokens() const { return state_->tokens; }
uint64_t TokenShards::supervised_tokens() const { return state_->supervised; }
int32_t TokenShards::max_token_id() const { return static_cast<int32_t>(state_->max_token_id); }
const std::string& TokenShards::fingerprint() const { return state_->fingerprint; }

std::pair<uint64_t, uint64_t> TokenShards::pack(uint64_t index) const {
  const Shard& shard = state_->shard_of(index, &Shard::first_pack);
  const uint64_t local = index - shard.first_pack;
  return {shard.first_sample + shard.boundary(local), shard.first_sample + shard.boundary(local + 1)};
}

uint64_t TokenShards::sample_length(uint64_t sample) const {
  const Shard& shard = state_->shard_of(sample, &Shard::first_sample);
  return shard.length(sample - shard.first_sample);
}

Status TokenShards::read_sample(uint64_t sample, std::vector<int32_t>* ids,
                                std::vector<int32_t>* labels) const {
  if (sample >= state_->samples) {
    return Status(StatusCode::invalid_argument, "sample " + std::to_string(sample) + " of " +
                                                    std::to_string(state_->samples) + " does not exist");
  }
  const Shard& shard = state_->shard_of(sample, &Shard::first_sample);
  const uint64_t local = sample - shard.first_sample, length = shard.length(local);
  const uint64_t width = shard.wide ? 4 : 2;
  const uint8_t* from = shard.ids.bytes().data() + shard.pointer(local);
  const uint8_t* mask = shard.mask.bytes().data() + shard.pointer(local) / width;
  for (uint64_t i = 0; i < length; ++i) {
    uint32_t id = 0;
    std::memcpy(&id, from + i * width, width);
    if (id > state_->max_token_id || mask[i] > 1) {
      return bad(
          shard.ids.path(),
          "sequence " + std::to_string(local) + " has at position " + std::to_string(i) +
              (mask[i] > 1 ? " a mask byte that is neither 0 nor 1"
                           : " the token id " + std::to_string(id) + ", over the manifest's max_token_id " +
                                 std::to_string(state_->max_token_id)));
    }
    ids->push_back(static_cast<int32_t>(id));
    labels->push_back(i > 0 && mask[i] == 1 ? static_cast<int32_t>(id) : -100);
  }
  return {};
}

}  // namespace belle::io
