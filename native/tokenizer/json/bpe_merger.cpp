#include "native/tokenizer/json/bpe_merger.h"

#include <algorithm>
#include <array>
#include <functional>

namespace belle::tokenizer {
namespace {

constexpr size_t kMaxProbes = 256;  // more: pairs chosen to collide, another seed scatters them
constexpr size_t kShort = 40;       // atoms; up to here a scan is faster than a heap

constexpr uint64_t pair_key(uint32_t left, uint32_t right) {
  return static_cast<uint64_t>(left) << 32 | right;
}

}  // namespace

BpeMerger::BpeMerger(const std::vector<RankedPair>& pairs) { build(pairs, nullptr); }

BpeMerger::BpeMerger(const std::vector<RankedPair>& pairs, const std::vector<uint32_t>& ranks) {
  build(pairs, ranks.data());
}

uint64_t BpeMerger::hash(uint64_t key) const {
  const auto product = static_cast<unsigned __int128>(key ^ seed_) * 0xA0761D6478BD642Full;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

BpeMerger::Slot* BpeMerger::place(uint64_t key) {
  size_t at = hash(key) & (slots_.size() - 1);
  for (size_t probes = 0; slots_[at].rank != kNone && slots_[at].key != key; ++probes) {
    if (probes > kMaxProbes) return nullptr;
    at = (at + 1) & (slots_.size() - 1);
  }
  return &slots_[at];
}

const BpeMerger::Slot& BpeMerger::find(uint32_t left, uint32_t right) const {
  const uint64_t key = pair_key(left, right);
  size_t at = hash(key) & (slots_.size() - 1);
  while (slots_[at].rank != kNone && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
  return slots_[at];
}

bool BpeMerger::fill(const std::vector<RankedPair>& pairs, const uint32_t* ranks) {
  for (size_t i = 0; i < pairs.size(); ++i) {
    const uint64_t key = pair_key(pairs[i].left, pairs[i].right);
    Slot* slot = place(key);
    if (!slot) return false;
    *slot = {key, ranks ? ranks[i] : static_cast<uint32_t>(i), pairs[i].result};
  }
  return true;
}

void BpeMerger::build(const std::vector<RankedPair>& pairs, const uint32_t* ranks) {
  size_t size = 1;
  while (size < 2 * pairs.size() + 2) size *= 2;
  // Each attempt has another seed, later ones more room too: it ends for any set of pairs.
  for (int attempt = 0;; ++attempt) {
    slots_.assign(size, Slot{});
    if (fill(pairs, ranks)) return;
    seed_ = hash(seed_ + 1);
    if (attempt >= 4) size *= 2;
  }
}

void BpeMerger::encode(std::span<const uint32_t> atoms, std::vector<uint32_t>* out,
                       std::vector<uint32_t>* counts) const {
  if (atoms.size() <= kShort)
    encode_short(atoms, out, counts);
  else
    encode_long(atoms, out, counts);
}

void BpeMerger::encode_short(std::span<const uint32_t> atoms, std::vector<uint32_t>* out,
                             std::vector<uint32_t>* counts) const {
  std::array<uint32_t, kShort> ids, sizes, ranks, results;  // ranks[i]: of the pair (i, i + 1)
  size_t n = atoms.size();
  const auto rate = [&](size_t i) {
    const Slot& slot = i + 1 < n ? find(ids[i], ids[i + 1]) : Slot{};
    ranks[i] = slot.rank;
    results[i] = slot.result;
  };
  std::copy(atoms.begin(), atoms.end(), ids.begin());
  std::fill_n(sizes.begin(), n, 1u);
  for (size_t i = 0; i < n; ++i) rate(i);
  while (n > 1) {
    const size_t best =
        static_cast<size_t>(std::min_element(ranks.begin(), ranks.begin() + n - 1) - ranks.begin());
    if (ranks[best] == kNone) break;
    ids[best] = results[best];
    sizes[best] += sizes[best + 1];
    for (auto* list : {&ids, &sizes, &ranks, &results})
      std::copy(list->begin() + best + 2, list->begin() + n, list->begin() + best + 1);
    --n;
    rate(best);
    if (best > 0) rate(best - 1);
  }
  out->insert(out->end(), ids.begin(), ids.begin() + n);
  if (counts) counts->insert(counts->end(), sizes.begin(), sizes.begin() + n);
}

void BpeMerger::encode_long(std::span<const uint32_t> atoms, std::vector<uint32_t>* out,
                            std::vector<uint32_t>* counts) const {
  struct Symbol {
    uint32_t id, previous, next, size;  // size 0: merged into its left neighbour
  };
  struct Entry {
    uint32_t rank, position, result;
    bool operator>(const Entry& other) const {
      return rank != other.rank ? rank > other.rank : position > other.position;
    }
  };
  const auto n = static_cast<uint32_t>(atoms.size());
  std::vector<Symbol> symbols(n);
  std::vector<Entry> heap;
  for (uint32_t i = 0; i < n; ++i)
    symbols[i] = {atoms[i], i == 0 ? kNone : i - 1, i + 1 < n ? i + 1 : kNone, 1};
  for (uint32_t i = 0; i + 1 < n; ++i) {
    const Slot& slot = find(atoms[i], atoms[i + 1]);
    if (slot.rank != kNone) heap.push_back({slot.rank, i, slot.result});
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  const auto push = [&](uint32_t left) {
    const Slot& slot = find(symbols[left].id, symbols[symbols[left].next].id);
    if (slot.rank == kNone) return;
    heap.push_back({slot.rank, left, slot.result});
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const Entry top = heap.back();
    heap.pop_back();
    Symbol& left = symbols[top.position];
    if (left.size == 0 || left.next == kNone) continue;
    Symbol& right = symbols[left.next];
    // Hugging Face asks whether the pair now here makes the same piece, not whether it is the same pair.
    const Slot& now = find(left.id, right.id);
    if (now.rank == kNone || now.result != top.result) continue;
    left.id = top.result;
    left.size += right.size;
    left.next = right.next;
    right.size = 0;
    if (left.next != kNone) symbols[left.next].previous = top.position;
    if (left.previous != kNone) push(left.previous);
    if (left.next != kNone) push(top.position);
  }
  for (uint32_t i = 0; i != kNone; i = symbols[i].next) {
    out->push_back(symbols[i].id);
    if (counts) counts->push_back(symbols[i].size);
  }
}

}  // namespace belle::tokenizer
