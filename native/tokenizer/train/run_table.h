#pragma once
// RunTable: distinct runs of two or more symbols with the sum of their weights, filled by several threads.
#include <bit>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

namespace belle::tokenizer {

class RunTable {
 public:
  static constexpr size_t kShards = 64;
  static constexpr uint32_t kSeparator = 0xFFFFFFFF;
  struct Shard {
    std::vector<uint32_t> symbols;  // of its runs in order, kSeparator before each
    std::vector<uint32_t> begins;   // of each run in `symbols`
    std::vector<uint64_t> weights;  // of each run
  };
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
  const Shard& shard(size_t index) const { return shards_[index].runs; }
  void release(size_t index);
  void shrink();  // gives back what the shards hold in reserve
  // With no Writer at work.
  bool find(std::span<const uint32_t> run, Place* place) const;
  uint64_t runs() const;
  uint64_t symbols() const;  // separators included
  uint64_t bytes() const;    // memory of the table
  static std::span<const uint32_t> symbols_of(const Shard& shard, uint32_t run);

 private:
  struct Slots {
    std::mutex mutex;
    Shard runs;
    std::vector<uint32_t> slots;  // 1 + run, 0 = free; a power of two
  };
  static uint64_t hash(std::span<const uint32_t> run) {
    uint64_t state = run.size();
    for (const uint32_t symbol : run) state = (std::rotl(state, 23) ^ symbol) * 0x9E3779B97F4A7C15ull;
    return (state ^ state >> 32) * 0xD6E8FEB86659FD93ull;
  }
  static size_t slot_of(const Slots& slots, std::span<const uint32_t> run, uint64_t hash);
  static void grow(Slots* slots);
  void add(size_t shard, const std::vector<uint32_t>& pending);

  std::vector<Slots> shards_;
};

}  // namespace belle::tokenizer
