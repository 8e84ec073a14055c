#include "native/tokenizer/train/run_table.h"

namespace belle::tokenizer {
namespace {

constexpr size_t kPendingWords = 1 << 11;

}  // namespace

void RunTable::Writer::add(std::span<const uint32_t> run, uint64_t weight) {
  const uint64_t hash = SpanTable::hash(run);
  const size_t shard = hash >> 58;
  std::vector<uint32_t>& pending = pending_[shard];
  const uint32_t header[] = {static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32),
                             static_cast<uint32_t>(weight), static_cast<uint32_t>(weight >> 32),
                             static_cast<uint32_t>(run.size())};
  pending.insert(pending.end(), std::begin(header), std::end(header));
  pending.insert(pending.end(), run.begin(), run.end());
  if (pending.size() < kPendingWords) return;
  table_->add(shard, pending);
  pending.clear();
}

void RunTable::Writer::flush() {
  for (size_t shard = 0; shard < kShards; ++shard) {
    table_->add(shard, pending_[shard]);
    pending_[shard].clear();
  }
}

void RunTable::add(size_t index, const std::vector<uint32_t>& pending) {
  Shard& shard = shards_[index];
  const std::lock_guard lock(shard.mutex);
  for (size_t at = 0; at < pending.size(); at += 5 + pending[at + 4]) shard.runs.prefetch(pending[at]);
  for (size_t at = 0; at < pending.size();) {
    const uint64_t hash = pending[at] | uint64_t{pending[at + 1]} << 32;
    const uint64_t weight = pending[at + 2] | uint64_t{pending[at + 3]} << 32;
    const std::span<const uint32_t> run(pending.data() + at + 5, pending[at + 4]);
    at += 5 + run.size();
    shard.runs.add(run, hash, weight);
  }
}

void RunTable::shrink() {
  for (Shard& shard : shards_) shard.runs.shrink();
}

bool RunTable::find(std::span<const uint32_t> run, Place* place) const {
  const uint64_t hash = SpanTable::hash(run);
  const SpanTable& runs = shards_[hash >> 58].runs;
  uint32_t number = 0;
  if (!runs.find(run, hash, &number)) return false;
  *place = {hash >> 58, runs.spans().begins[number]};
  return true;
}

uint64_t RunTable::runs() const {
  uint64_t sum = 0;
  for (const Shard& shard : shards_) sum += shard.runs.spans().begins.size();
  return sum;
}

uint64_t RunTable::symbols() const {
  uint64_t sum = 0;
  for (const Shard& shard : shards_) sum += shard.runs.spans().symbols.size();
  return sum;
}

uint64_t RunTable::bytes() const {
  uint64_t sum = 0;
  for (const Shard& shard : shards_) sum += shard.runs.bytes();
  return sum;
}

}  // namespace belle::tokenizer
