#include "native/tokenizer/train/run_table.h"

#include <algorithm>

namespace belle::tokenizer {
namespace {

constexpr size_t kPendingWords = 1 << 11;

}  // namespace

std::span<const uint32_t> RunTable::symbols_of(const Shard& shard, uint32_t run) {
  const size_t begin = shard.begins[run];
  const size_t end = run + 1 < shard.begins.size() ? shard.begins[run + 1] - 1 : shard.symbols.size();
  return {shard.symbols.data() + begin, end - begin};
}

void RunTable::Writer::add(std::span<const uint32_t> run, uint64_t weight) {
  const uint64_t hash = RunTable::hash(run);
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

// The run's slot, or the free one where it belongs.
size_t RunTable::slot_of(const Slots& slots, std::span<const uint32_t> run, uint64_t hash) {
  size_t slot = hash & (slots.slots.size() - 1);
  for (; slots.slots[slot] != 0; slot = (slot + 1) & (slots.slots.size() - 1)) {
    const auto known = symbols_of(slots.runs, slots.slots[slot] - 1);
    if (std::equal(known.begin(), known.end(), run.begin(), run.end())) break;
  }
  return slot;
}

void RunTable::add(size_t index, const std::vector<uint32_t>& pending) {
  Slots& slots = shards_[index];
  const std::lock_guard lock(slots.mutex);
  if (!slots.slots.empty())
    for (size_t at = 0; at < pending.size(); at += 5 + pending[at + 4])
      __builtin_prefetch(&slots.slots[pending[at] & (slots.slots.size() - 1)], 1);
  for (size_t at = 0; at < pending.size();) {
    const uint64_t hash = pending[at] | uint64_t{pending[at + 1]} << 32;
    const uint64_t weight = pending[at + 2] | uint64_t{pending[at + 3]} << 32;
    const std::span<const uint32_t> run(pending.data() + at + 5, pending[at + 4]);
    at += 5 + run.size();
    if ((slots.runs.begins.size() + 1) * 4 > slots.slots.size() * 3) grow(&slots);
    uint32_t& slot = slots.slots[slot_of(slots, run, hash)];
    if (slot != 0) {
      slots.runs.weights[slot - 1] += weight;
      continue;
    }
    slots.runs.symbols.push_back(kSeparator);
    slots.runs.begins.push_back(static_cast<uint32_t>(slots.runs.symbols.size()));
    slots.runs.symbols.insert(slots.runs.symbols.end(), run.begin(), run.end());
    slots.runs.weights.push_back(weight);
    slot = static_cast<uint32_t>(slots.runs.begins.size());
  }
}

void RunTable::grow(Slots* slots) {
  slots->slots.assign(slots->slots.empty() ? 64 : slots->slots.size() * 2, 0);
  for (uint32_t run = 0; run < slots->runs.begins.size(); ++run) {
    size_t slot = hash(symbols_of(slots->runs, run)) & (slots->slots.size() - 1);
    while (slots->slots[slot] != 0) slot = (slot + 1) & (slots->slots.size() - 1);
    slots->slots[slot] = run + 1;
  }
}

void RunTable::release(size_t index) {
  shards_[index].runs = Shard();
  shards_[index].slots = {};
}

void RunTable::shrink() {
  for (Slots& shard : shards_) {
    shard.runs.symbols.shrink_to_fit();
    shard.runs.begins.shrink_to_fit();
    shard.runs.weights.shrink_to_fit();
  }
}

bool RunTable::find(std::span<const uint32_t> run, Place* place) const {
  const uint64_t hash = RunTable::hash(run);
  const Slots& slots = shards_[hash >> 58];
  if (slots.slots.empty()) return false;
  const uint32_t found = slots.slots[slot_of(slots, run, hash)];
  if (found == 0) return false;
  *place = {hash >> 58, slots.runs.begins[found - 1]};
  return true;
}

uint64_t RunTable::runs() const {
  uint64_t sum = 0;
  for (const Slots& shard : shards_) sum += shard.runs.begins.size();
  return sum;
}

uint64_t RunTable::symbols() const {
  uint64_t sum = 0;
  for (const Slots& shard : shards_) sum += shard.runs.symbols.size();
  return sum;
}

uint64_t RunTable::bytes() const {
  uint64_t sum = 0;
  for (const Slots& shard : shards_)
    sum += (shard.runs.symbols.capacity() + shard.runs.begins.capacity() + shard.slots.capacity()) * 4 +
           shard.runs.weights.capacity() * 8;
  return sum;
}

}  // namespace belle::tokenizer
