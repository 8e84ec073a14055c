#include "native/tokenizer/train/learn_merges.h"

#include <algorithm>
#include <span>
#include <unordered_set>

#include "native/tokenizer/train/counted_pairs.h"
#include "native/tokenizer/train/first_pairs.h"
#include "native/tokenizer/train/pair_heap.h"
#include "native/tokenizer/train/position_arena.h"

namespace belle::tokenizer {
namespace {

constexpr uint32_t kNoPair = 0xFFFFFFFF;

class Learner {
 public:
  Learner(const Alphabet& alphabet, Segments segments, const PieceRules& rules)
      : rules_(rules), heap_(Less{this}), weights_(std::move(segments.weights)) {
    for (const auto& [c, count] : alphabet.characters) add_symbol(std::u32string(1, c));
    lay_out(segments);
    count_first_pairs();
  }

  Result<std::vector<std::u32string>> run(size_t wanted, const std::atomic<bool>& stop,
                                          const std::function<void(uint64_t)>& on_progress) {
    std::vector<std::u32string> pieces;
    std::unordered_set<std::u32string> known;
    for (uint64_t round = 0; pieces.size() < wanted; ++round) {
      if (stop.load(std::memory_order_relaxed))
        return Status(StatusCode::aborted,
                      "training was stopped after " + std::to_string(pieces.size()) + " merges");
      if (round % 256 == 0) on_progress(pieces.size());
      const uint32_t best = take_best();
      if (best == kNoPair) break;
      std::u32string text = symbol_text(pairs_[best].left) + symbol_text(pairs_[best].right);
      // The same text by another split: dropped, and its occurrences stay apart.
      if (!known.insert(text).second) continue;
      pieces.push_back(text);
      join(best, add_symbol(std::move(text)));
    }
    on_progress(pieces.size());
    return pieces;
  }

 private:
  // One character of a segment, or a separator. A symbol of several characters is written to its first and
  // last cell; `pair` is the pair that begins there, kNoPair in the middle of a symbol.
  struct Cell {
    uint32_t symbol, pair, segment;
  };
  struct Less {
    const Learner* learner;
    bool operator()(const PairEntry& a, const PairEntry& b) const {
      if (a.count != b.count) return a.count < b.count;
      if (a.key != b.key) return a.key > b.key;
      return learner->text(a.pair).compare(learner->text(b.pair)) > 0;
    }
  };
  std::u32string symbol_text(uint32_t symbol) const { return texts_[symbol]; }
  uint32_t length(uint32_t symbol) const { return static_cast<uint32_t>(texts_[symbol].size()); }

  uint32_t add_symbol(std::u32string text) {
    texts_.push_back(std::move(text));
    before_new_.push_back({0, kNoPair});
    after_new_.push_back({0, kNoPair});
    return static_cast<uint32_t>(texts_.size() - 1);
  }

  PairText text(uint32_t pair) const { return {texts_[pairs_[pair].left], texts_[pairs_[pair].right]}; }
  void enqueue(uint32_t pair) { heap_.push({pairs_[pair].count, text(pair).key(), pair}); }

  // kNoPair when the two may not form a piece.
  uint32_t make_pair(uint32_t left, uint32_t right) {
    scratch_.assign(texts_[left]);
    scratch_ += texts_[right];
    if (!rules_.valid(scratch_)) return kNoPair;
    pairs_.push_back({left, right, 0, nullptr, 0});
    return static_cast<uint32_t>(pairs_.size() - 1);
  }

  void lay_out(const Segments& segments) {
    cells_.resize(segments.symbols.size());
    uint32_t segment = kNoPair;  // the separator before segment 0
    for (size_t i = 0; i < cells_.size(); ++i) {
      cells_[i] = {segments.symbols[i], kNoPair, segment};
      if (segments.symbols[i] == SpanTable::kSeparator) cells_[i].segment = ++segment;
    }
  }

  // Pairs of single characters, in order of first occurrence; all of them enter the heap in that order.
  void count_first_pairs() {
    constexpr uint32_t kInvalid = kNoPair - 1;
    FirstPairs found;
    for (size_t i = 1; i < cells_.size(); ++i) {
      const uint32_t left = cells_[i - 1].symbol, right = cells_[i].symbol;
      if (left == SpanTable::kSeparator || right == SpanTable::kSeparator) continue;
      uint32_t& pair = found(left, right);
      if (pair == kNoPair) {
        pair = make_pair(left, right);
        if (pair == kNoPair) pair = kInvalid;
      }
      if (pair == kInvalid) continue;
      cells_[i - 1].pair = pair;
      pairs_[pair].count += weights_[cells_[i - 1].segment];
      ++pairs_[pair].size;
    }
    std::vector<uint32_t*> ends(pairs_.size());
    for (size_t i = 0; i < pairs_.size(); ++i) pairs_[i].positions = ends[i] = arena_.take(pairs_[i].size);
    for (size_t i = 0; i < cells_.size(); ++i)
      if (cells_[i].pair != kNoPair) *ends[cells_[i].pair]++ = static_cast<uint32_t>(i);
    for (uint32_t i = 0; i < pairs_.size(); ++i) enqueue(i);
  }

  // Counts only fall, so an entry with the true count beats everything below it. Entries are put right one at
  // a time when they reach the top.
  uint32_t take_best() {
    while (!heap_.empty()) {
      const PairEntry entry = heap_.top();
      heap_.pop();
      if (entry.count == pairs_[entry.pair].count) return entry.pair;
      enqueue(entry.pair);
    }
    return kNoPair;
  }

  // Notes that `pair` begins at `position` now.
  void occur(uint32_t pair, uint32_t position, uint64_t weight) {
    pairs_[pair].count += weight;
    cells_[position].pair = pair;
    occurrences_.emplace_back(pair, position);
  }
  // The pair of this round between `neighbour` and the new symbol; `table` is before_new_ or after_new_.
  uint32_t round_pair(std::vector<std::pair<uint32_t, uint32_t>>& table, uint32_t neighbour, uint32_t left,
                      uint32_t right) {
    auto& [round, pair] = table[neighbour];
    if (round != round_) {
      round = round_;
      pair = make_pair(left, right);
    }
    return pair;
  }

  void join(uint32_t best, uint32_t symbol) {
    ++round_;
    occurrences_.clear();
    const auto first_new = static_cast<uint32_t>(pairs_.size());
    const uint32_t left_length = length(pairs_[best].left), new_length = length(symbol);
    const std::span<const uint32_t> positions(pairs_[best].positions, pairs_[best].size);
    for (const uint32_t position : positions) {
      if (cells_[position].pair != best) continue;  // gone, or its first symbol was joined a moment ago
      const uint32_t right = position + left_length, next = position + new_length;
      const uint64_t weight = weights_[cells_[position].segment];
      const uint32_t before = cells_[position - 1].symbol, after = cells_[next].symbol;
      const uint32_t before_start = before == SpanTable::kSeparator ? kNoPair : position - length(before);
      if (before_start != kNoPair) drop(before_start, weight);
      drop(right, weight);
      cells_[position].symbol = cells_[next - 1].symbol = symbol;
      cells_[position].pair = cells_[right].pair = kNoPair;
      if (before_start != kNoPair)
        if (const uint32_t pair = round_pair(before_new_, before, before, symbol); pair != kNoPair)
          occur(pair, before_start, weight);
      if (after != SpanTable::kSeparator)
        if (const uint32_t pair = round_pair(after_new_, after, symbol, after); pair != kNoPair)
          occur(pair, position, weight);
    }
    store_occurrences(first_new);
    for (uint32_t pair = first_new; pair < pairs_.size(); ++pair) enqueue(pair);
  }
  void drop(uint32_t position, uint64_t weight) {
    uint32_t& pair = cells_[position].pair;
    if (pair != kNoPair) pairs_[pair].count -= weight;
    pair = kNoPair;
  }

  // Sorts this round's occurrences by pair; those that ended within the round are left out.
  void store_occurrences(uint32_t first_new) {
    std::erase_if(occurrences_,
                  [&](const auto& occurrence) { return cells_[occurrence.second].pair != occurrence.first; });
    for (const auto& [pair, position] : occurrences_) ++pairs_[pair].size;
    std::vector<uint32_t*>& ends = ends_;
    ends.clear();
    for (size_t pair = first_new; pair < pairs_.size(); ++pair) {
      ends.push_back(arena_.take(pairs_[pair].size));
      pairs_[pair].positions = ends.back();
    }
    for (const auto& [pair, position] : occurrences_) *ends[pair - first_new]++ = position;
  }

  const PieceRules& rules_;
  std::vector<std::u32string> texts_;  // of each symbol
  std::vector<CountedPair> pairs_;
  PairHeap<PairEntry, Less> heap_;
  std::vector<uint64_t> weights_;  // of each segment
  std::vector<Cell> cells_;
  PositionArena arena_;
  uint32_t round_ = 0;
  std::vector<std::pair<uint32_t, uint32_t>> before_new_, after_new_;  // by neighbour: (round, pair)
  std::vector<std::pair<uint32_t, uint32_t>> occurrences_;             // of this round: (pair, position)
  std::vector<uint32_t*> ends_;
  std::u32string scratch_;
};

}  // namespace

Result<std::vector<std::u32string>> learn_merges(const Alphabet& alphabet, Segments segments,
                                                 const PieceRules& rules, size_t wanted,
                                                 const std::atomic<bool>& stop,
                                                 const std::function<void(uint64_t)>& on_progress) {
  Learner learner(alphabet, std::move(segments), rules);
  return learner.run(wanted, stop, on_progress);
}

}  // namespace belle::tokenizer
