#pragma once
// SegmentCounter: cuts sentences wherever no piece can reach across and counts equal segments, on several
// threads. Neither changes any count of a pair, hence no merge.
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "native/tokenizer/train/character_counts.h"
#include "native/tokenizer/train/piece_rules.h"
#include "native/tokenizer/train/text_counter.h"

namespace belle::tokenizer {

class SegmentCounter {
 public:
  static constexpr size_t kShards = 64;  // by the upper bits of TextCounter::hash

  SegmentCounter(const PieceRules& rules, int threads);
  // Threads may call this at once, each with its own number. Segments of one character are only counted as
  // characters.
  void add(std::string_view text, uint64_t frequency, int thread);
  // Hands what the threads still hold to the shards; with no add() under way.
  void settle();

  // After settle():
  uint64_t bytes() const;              // memory of the tables
  uint64_t sentences() const;          // texts with a character inside, since the last clear()
  CharacterCounts characters() const;  // since the last clear()
  const TextCounter& shard(size_t index) const { return shards_[index].segments; }
  void release(size_t shard) { shards_[shard].segments = TextCounter(); }
  void clear();

 private:
  struct Shard {
    std::mutex mutex;
    TextCounter segments;
  };
  struct Thread {
    CharacterCounter characters;
    std::vector<PieceRules::Traits> traits;  // by index of CharacterCounter
    std::string pending[kShards];            // Header, text; ...
    uint64_t sentences = 0;
  };
  struct Header {
    uint64_t hash, frequency;
    size_t size;
  };
  void hand_over(std::string* pending, size_t shard);

  PieceRules rules_;
  std::vector<Shard> shards_;
  std::vector<std::unique_ptr<Thread>> threads_;
};

}  // namespace belle::tokenizer
