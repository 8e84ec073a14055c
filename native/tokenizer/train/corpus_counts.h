#pragma once
// CorpusCounts: all segments of a corpus with their weights, in memory or, past a limit, in a work folder.
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "native/core/status.h"
#include "native/core/thread_pool.h"
#include "native/tokenizer/train/corpus_sentences.h"
#include "native/tokenizer/train/segment_counter.h"
#include "native/tokenizer/train/shard_folder.h"

namespace belle::tokenizer {

class CorpusCounts {
 public:
  using Progress = std::function<void(uint64_t done, uint64_t total)>;
  using Visit = std::function<Status(std::string_view text, uint64_t weight, int thread)>;

  CorpusCounts(const PieceRules& rules, ThreadPool& pool, const std::atomic<bool>& stop)
      : pool_(pool), stop_(stop), counter_(rules, pool.threads()) {}

  // Reads the corpus. With request.memory_limit the tables keep to about half of it: what is counted beyond
  // goes to shards in request.work_folder, those of an earlier run of the same job are taken. job: names the
  // request, apart from its files and sentences.
  Status count(const CorpusSentences& sentences, const BpeTrainRequest& request, const std::string& job,
               const Progress& on_progress);
  const CharacterCounts& characters() const { return characters_; }
  uint64_t sentences() const { return sentences_; }  // with a character inside
  // Where the shards are; nothing when all counts are in memory.
  const ShardFolder* folder() const { return folder_ ? &*folder_ : nullptr; }

  // Every segment, on all threads, the same one perhaps more than once. Releases what is in memory.
  Status for_each_segment(const Progress& on_progress, const Visit& visit);
  // Hands over the folder, if there is one; nothing can be counted or read after it.
  std::optional<ShardFolder> take_folder() { return std::exchange(folder_, std::nullopt); }

 private:
  Status open_folder(const BpeTrainRequest& request, const std::string& job);
  Status visit_part(size_t part, int thread, const Visit& visit);

  ThreadPool& pool_;
  const std::atomic<bool>& stop_;
  SegmentCounter counter_;
  uint64_t table_bytes_ = 0;  // 0: no limit
  CharacterCounts characters_;
  uint64_t sentences_ = 0;
  std::optional<ShardFolder> folder_;
};

}  // namespace belle::tokenizer
