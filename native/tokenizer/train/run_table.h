#pragma once
// RunTable: distinct runs of two or more symbols with the sum of their weights, filled by several threads.
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "native/tokenizer/train/span_table.h"

namespace belle::tokenizer {

class RunTable {
 public:
  static constexpr size_t kShards = 64;  // by the upper bits of SpanTable::hash
  struct Place {
    size_t shard;
    uint32_t begin;
  };
  // Runs of one thread on their way to the table; flush() before it goes.
  class Writer {
   public:
    explicit Writer(RunTable* table) : table_(table), pending_(kShards) {}
    void add(std::span<const uint32_t> run, uint64_t weight);
    void flush();

   private:
    RunTable* table_;
    std::vector<std::vector<uint32_t>> pending_;  // hash and weight (two words each), size, symbols; ...
  };

  RunTable() : shards_(kShards) {}
  const SpanTable::Spans& shard(size_t index) const { return shards_[index].runs.spans(); }
  void release(size_t index) { shards_[index].runs = SpanTable(); }
  void shrink();  // gives back what the shards hold in reserve
  // With no Writer at work.
  bool find(std::span<const uint32_t> run, Place* place) const;
  uint64_t runs() const;
  uint64_t symbols() const;  // separators included
  uint64_t bytes() const;    // memory of the table

 private:
  struct Shard {
    std::mutex mutex;
    SpanTable runs;
  };
  void add(size_t shard, const std::vector<uint32_t>& pending);

  std::vector<Shard> shards_;
};

}  // namespace belle::tokenizer
