#pragma once
// Token shards: what `data prepare` writes and the trainer maps.
//
//   <folder>/MANIFEST.json     committed last: schema "belle-train/tokens/1", counts, tokenizer fingerprint,
//   files <folder>/shard-00000.bin   token ids, uint16 or int32, back to back         } Megatron-LM indexed
//   dataset <folder>/shard-00000.idx   MMIDIDX: sequences = samples, documents = packs  }
//   (core/datasets/indexed_dataset.py) <folder>/shard-00000.mask  one byte per token: 1 = supervised (a
//   target of the loss), 0 = not
//
// MANIFEST.json must state samples, packs, tokens, supervised_tokens and max_token_id; all but
// supervised_tokens are checked against the files. The .idx holds packs + 1 document boundaries, the first of
// them 0, as Megatron writes them.
//
// A sample is one conversation or text; it never attends outside itself. A pack is a run of consecutive
// samples whose tokens fit max_length together. Token 0 of a sample is never a target, whatever its mask byte
// says.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "native/core/status.h"
#include "native/io/commit.h"

namespace belle::io {

class TokenShards {
 public:
  // Verifies the manifest's sizes (and sha256 when `hashes`), every index bound and every pointer.
  static Result<TokenShards> open(const std::string& folder, bool hashes);
  TokenShards(TokenShards&&) noexcept;
  ~TokenShards();

  uint64_t samples() const;
  uint64_t packs() const;
  uint64_t tokens() const;
  uint64_t supervised_tokens() const;      // as the manifest states it
  int32_t max_token_id() const;            // as the manifest states it; ids are checked again when read
  const std::string& fingerprint() const;  // sha256 of the manifest bytes: the identity of the data
  // Samples [first, last) of a pack.
  std::pair<uint64_t, uint64_t> pack(uint64_t index) const;
  uint64_t sample_length(uint64_t sample) const;
  // Appends the sample's ids and labels (-100 where unsupervised; unshifted, as in transformers).
  // invalid_data when an id is over max_token_id or a mask byte is neither 0 nor 1.
  Status read_sample(uint64_t sample, std::vector<int32_t>* ids, std::vector<int32_t>* labels) const;

 private:
  struct State;
  explicit TokenShards(std::unique_ptr<State>);
  std::unique_ptr<State> state_;
};

// Writes shards inside a folder that a DirectoryCommit owns. Samples must be added pack by pack.
class TokenShardWriter {
 public:
  // wide = false: uint16 ids (vocabulary <= 65,536 rows); true: int32. A shard ends with the pack that fills
  // it to max_shard_tokens or more.
  static Result<std::unique_ptr<TokenShardWriter>> create(const std::string& folder, bool wide,
                                                          uint64_t max_shard_tokens);
  ~TokenShardWriter();
  Status add_sample(std::span<const int32_t> ids, std::span<const uint8_t> mask);
  Status end_pack();
  Result<std::vector<FileRecord>> finish();

 private:
  struct State;
  explicit TokenShardWriter(std::unique_ptr<State>);
  std::unique_ptr<State> state_;
};

}  // namespace belle::io
