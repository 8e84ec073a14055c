#pragma once
// ShardFolder: counts of segments on disk, for corpora whose counts do not fit in memory. Every shard is
// committed with the place in the input up to which it counts, so a job that was killed goes on behind its
// last shard. The folder holds:
//   manifest.json  the job (options, files), and name, SHA-256 and input position of every shard
//   shard-00000    segments in kParts parts by hash, characters; see shard_folder.cpp
//   lock           there while a process works in the folder, or was killed in it
//   stream-N       what learning works on (symbol_stream.h); removed when the folder is opened
// Shards take at most about the bytes of the normalised text, each of the two streams that exist at a time
// about two thirds of that.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/json.h"
#include "native/core/status.h"
#include "native/tokenizer/train/character_counts.h"
#include "native/tokenizer/train/segment_counter.h"

namespace belle::tokenizer {

class ShardFolder {
 public:
  static constexpr size_t kParts = SegmentCounter::kShards;

  // Makes the folder where it is missing and takes the shards that are there. temporary: the folder goes with
  // this object, otherwise our files in it stay until remove_files(). invalid_argument when it holds another
  // job or other files, busy when another process works in it, invalid_data when a shard is damaged.
  static Result<ShardFolder> open(const std::string& folder, const Json& job, bool temporary);
  ShardFolder(ShardFolder&& other) noexcept;
  ShardFolder& operator=(ShardFolder&&) = delete;
  ~ShardFolder();

  const std::string& path() const { return folder_; }
  uint32_t shards() const { return static_cast<uint32_t>(shards_.size()); }
  // The first chunk no shard counts.
  size_t next_chunk() const { return shards_.empty() ? 0 : shards_.back().next_chunk; }
  const CharacterCounts& characters() const { return characters_; }  // of all shards
  uint64_t sentences() const { return sentences_; }

  // Commits what `counter` holds (settled) as a shard of the chunks before next_chunk.
  Status add(const SegmentCounter& counter, size_t next_chunk);
  // The segments of one part of a shard; *buffer holds the part.
  Status read(size_t shard, size_t part, std::string* buffer,
              const std::function<Status(std::string_view text, uint64_t weight)>& visit) const;
  // Removes what this class and the streams wrote; the lock stays until this object goes.
  void remove_files();

 private:
  struct Shard {
    std::string name, sha256;
    size_t next_chunk = 0;
    std::vector<std::pair<uint64_t, uint64_t>> parts;  // offset and size in the file
  };
  ShardFolder(std::string folder, const Json& job, bool temporary);
  std::string file(const std::string& name) const { return folder_ + "/" + name; }
  Status lock();
  Status foreign(const std::string& name) const;
  Status take_manifest();
  Status take_shard(const Json& entry);
  Status read_directory(Shard* shard, std::string_view bytes);
  Status write_manifest() const;

  std::string folder_;
  Json job_;
  bool temporary_;
  int lock_ = -1;
  std::vector<Shard> shards_;
  CharacterCounts characters_;
  uint64_t sentences_ = 0;
};

}  // namespace belle::tokenizer
