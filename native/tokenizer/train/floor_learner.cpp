#include "native/tokenizer/train/floor_learner.h"

#include <algorithm>
#include <span>

#include "native/tokenizer/train/counted_pairs.h"
#include "native/tokenizer/train/first_pairs.h"
#include "native/tokenizer/train/pair_heap.h"
#include "native/tokenizer/train/position_arena.h"

namespace belle::tokenizer {
namespace {

constexpr uint32_t kNone = 0xFFFFFFFF;
constexpr uint32_t kSeparator = SpanTable::kSeparator;
constexpr uint32_t kLargeWeight = 0x80000000;
constexpr size_t kAhead = 12;  // positions whose cells are fetched early

// One symbol of a run, or a separator. A symbol made of several is written to its first and last cell; `pair`
// is the pair that begins there, kNone in the middle of a symbol.
struct Cell {
  uint32_t symbol, pair;
  uint32_t weight;  // of its run; from kLargeWeight on a place in large_weights
};
}  // namespace

struct FloorLearner::State {
  struct Less {
    const State* state;
    bool operator()(const PairEntry& a, const PairEntry& b) const {
      if (a.count != b.count) return a.count < b.count;
      if (a.key != b.key) return a.key > b.key;
      if (const int order = state->text(a.pair).compare(state->text(b.pair))) return order > 0;
      return state->length(state->pairs[a.pair].left) > state->length(state->pairs[b.pair].left);
    }
  };

  State(PieceSymbols* all, const PieceRules& piece_rules, uint64_t lowest)
      : symbols(*all), rules(piece_rules), floor(lowest), heap(Less{this}) {}

  size_t length(uint32_t symbol) const { return symbols.texts[symbol].size(); }
  PairText text(uint32_t pair) const {
    return {symbols.texts[pairs[pair].left], symbols.texts[pairs[pair].right]};
  }
  void enqueue(uint32_t pair) { heap.push({pairs[pair].count, text(pair).key(), pair}); }
  bool valid(uint32_t left, uint32_t right) {
    scratch.assign(symbols.texts[left]);
    scratch += symbols.texts[right];
    return rules.valid(scratch);
  }
  uint64_t weight(uint32_t position) const {
    const uint32_t weight = cells[position].weight;
    return weight < kLargeWeight ? weight : large_weights[weight - kLargeWeight];
  }

  void lay_out(const RunTable& runs) {
    cells.reserve(runs.symbols() + 1);
    for (size_t index = 0; index < RunTable::kShards; ++index) {
      const SpanTable::Spans& shard = runs.shard(index);
      shard_begins.push_back(static_cast<uint32_t>(cells.size()));
      size_t run = 0;
      uint32_t weight = 0;
      for (const uint32_t symbol : shard.symbols) {
        if (symbol == kSeparator) {
          const uint64_t whole = shard.weights[run++];
          weight = static_cast<uint32_t>(whole);
          if (whole >= kLargeWeight) {
            weight = kLargeWeight + static_cast<uint32_t>(large_weights.size());
            large_weights.push_back(whole);
          }
        }
        cells.push_back({symbol, kNone, weight});
      }
    }
    cells.push_back({kSeparator, kNone, 0});
    widths.assign(symbols.texts.size(), 1);
    before_new.assign(symbols.texts.size(), {0, kNone});
    after_new = before_new;
  }

  void count_first_pairs() {
    FirstPairs found;
    for (size_t i = 1; i < cells.size(); ++i) {
      const uint32_t left = cells[i - 1].symbol, right = cells[i].symbol;
      if (left == kSeparator || right == kSeparator) continue;
      uint32_t& pair = found(left, right);
      if (pair == kNone) {
        pair = static_cast<uint32_t>(pairs.size());
        pairs.push_back({left, right, 0, nullptr, 0});
      }
      cells[i - 1].pair = pair;
      pairs[pair].count += weight(static_cast<uint32_t>(i));
      ++pairs[pair].size;
    }
    keep_pairs(0);
    for (size_t i = 0; i < cells.size(); ++i) {
      uint32_t& pair = cells[i].pair;
      if (pair == kNone) continue;
      pair = kept[pair];
      if (pair != kNone) *ends[pair]++ = static_cast<uint32_t>(i);
    }
    for (uint32_t i = 0; i < pairs.size(); ++i) enqueue(i);
  }

  // Of the pairs from `first` on only those that may become pieces stay, with room for their positions at
  // `ends`; `kept` tells the new numbers (kNone: gone) by old number less `first`.
  void keep_pairs(uint32_t first) {
    kept.clear();
    ends.clear();
    uint32_t next = first;
    for (size_t i = first; i < pairs.size(); ++i) {
      const CountedPair pair = pairs[i];
      if (pair.count < floor || !valid(pair.left, pair.right)) {
        kept.push_back(kNone);
        continue;
      }
      kept.push_back(next);
      ends.push_back(arena.take(pair.size));
      pairs[next] = pair;
      pairs[next++].positions = ends.back();
    }
    pairs.resize(next);
  }

  // Counts only fall, so an entry with the true count beats everything below it. Entries are put right one at
  // a time when they reach the top.
  void put_top_right() {
    while (!heap.empty()) {
      const PairEntry entry = heap.top();
      const uint64_t count = pairs[entry.pair].count;
      if (entry.count == count) return;
      heap.pop();
      if (count >= floor) enqueue(entry.pair);
    }
  }
  uint32_t take_best() {
    put_top_right();
    if (heap.empty()) return kNone;
    const uint32_t best = heap.top().pair;
    heap.pop();
    return best;
  }
  // Whether another split of the text of `best` counts the same.
  bool tied(uint32_t best) {
    const PairText best_text = text(best);
    const uint64_t best_key = best_text.key();
    while (!heap.empty()) {
      const PairEntry& top = heap.top();
      if (top.count != pairs[best].count || top.key != best_key || text(top.pair).compare(best_text) != 0)
        return false;
      if (top.count == pairs[top.pair].count) return true;
      put_top_right();
    }
    return false;
  }

  // Notes that `pair` begins at `position` now.
  void occur(uint32_t pair, uint32_t position, uint64_t weight) {
    pairs[pair].count += weight;
    cells[position].pair = pair;
    occurrences.emplace_back(pair, position);
  }
  // The pair of this round between `neighbour` and the new symbol; `table` is before_new or after_new.
  uint32_t round_pair(std::vector<std::pair<uint32_t, uint32_t>>& table, uint32_t neighbour, uint32_t left,
                      uint32_t right) {
    auto& [in_round, pair] = table[neighbour];
    if (in_round != round) {
      in_round = round;
      pair = static_cast<uint32_t>(pairs.size());
      pairs.push_back({left, right, 0, nullptr, 0});
    }
    return pair;
  }
  void drop(uint32_t position, uint64_t weight) {
    uint32_t& pair = cells[position].pair;
    if (pair != kNone) pairs[pair].count -= weight;
    pair = kNone;
  }

  void join(uint32_t best, uint32_t symbol) {
    ++round;
    occurrences.clear();
    const auto first_new = static_cast<uint32_t>(pairs.size());
    const uint32_t left_width = widths[pairs[best].left];
    const uint32_t width = left_width + widths[pairs[best].right];
    widths.push_back(width);
    before_new.push_back({0, kNone});
    after_new.push_back({0, kNone});
    const std::span<const uint32_t> positions(pairs[best].positions, pairs[best].size);
    for (size_t i = 0; i < positions.size(); ++i) {
      if (i + kAhead < positions.size()) __builtin_prefetch(&cells[positions[i + kAhead]]);
      const uint32_t position = positions[i];
      if (cells[position].pair != best) continue;  // gone, or its first symbol was joined a moment ago
      const uint32_t right = position + left_width, next = position + width;
      const uint64_t weight = this->weight(position);
      const uint32_t before = cells[position - 1].symbol, after = cells[next].symbol;
      const uint32_t before_start = before == kSeparator ? kNone : position - widths[before];
      if (before_start != kNone) drop(before_start, weight);
      drop(right, weight);
      cells[position].symbol = cells[next - 1].symbol = symbol;
      cells[position].pair = cells[right].pair = kNone;
      if (before_start != kNone) occur(round_pair(before_new, before, before, symbol), before_start, weight);
      if (after != kSeparator) occur(round_pair(after_new, after, symbol, after), position, weight);
    }
    store_occurrences(first_new);
    for (uint32_t pair = first_new; pair < pairs.size(); ++pair) enqueue(pair);
  }

  // Sorts this round's occurrences by pair; those that ended within the round are left out.
  void store_occurrences(uint32_t first_new) {
    for (const auto& [pair, position] : occurrences) pairs[pair].size += cells[position].pair == pair;
    keep_pairs(first_new);
    for (const auto& [pair, position] : occurrences) {
      uint32_t& now = cells[position].pair;
      if (now != pair) continue;
      now = kept[pair - first_new];
      if (now != kNone) *ends[now - first_new]++ = position;
    }
  }

  PieceSymbols& symbols;
  const PieceRules& rules;
  const uint64_t floor;
  std::vector<Cell> cells;
  std::vector<uint32_t> shard_begins;  // of each shard of the table, in `cells`
  std::vector<uint64_t> large_weights;
  std::vector<uint32_t> widths;  // cells of each symbol
  std::vector<CountedPair> pairs;
  PairHeap<PairEntry, Less> heap;
  PositionArena arena;
  uint32_t round = 0;
  std::vector<std::pair<uint32_t, uint32_t>> before_new, after_new;  // by neighbour: (round, pair)
  std::vector<std::pair<uint32_t, uint32_t>> occurrences;            // of this round: (pair, position)
  std::vector<uint32_t> kept;
  std::vector<uint32_t*> ends;
  std::u32string scratch;
};

FloorLearner::FloorLearner(const RunTable& runs, PieceSymbols* symbols, const PieceRules& rules,
                           uint64_t floor)
    : state_(std::make_unique<State>(symbols, rules, floor)) {
  state_->lay_out(runs);
  state_->count_first_pairs();
}
FloorLearner::~FloorLearner() = default;

Result<FloorLearner::Outcome> FloorLearner::run(size_t wanted, bool stop_at_tie, uint64_t* ties,
                                                const std::atomic<bool>& stop,
                                                const std::function<void(uint64_t)>& on_progress) {
  State& s = *state_;
  for (uint64_t round = 0; s.symbols.pieces() < wanted; ++round) {
    if (stop.load(std::memory_order_relaxed))
      return Status(StatusCode::aborted,
                    "training was stopped after " + std::to_string(s.symbols.pieces()) + " merges");
    if (round % 256 == 0) on_progress(s.symbols.pieces());
    const uint32_t best = s.take_best();
    if (best == kNone) return Outcome::below_floor;
    std::u32string text = s.symbols.texts[s.pairs[best].left] + s.symbols.texts[s.pairs[best].right];
    // The same text by another split: dropped, and its occurrences stay apart.
    if (s.symbols.known.contains(text)) continue;
    if (s.tied(best)) {
      if (stop_at_tie) return Outcome::tie;
      ++*ties;
    }
    s.symbols.known.insert(text);
    s.symbols.texts.push_back(std::move(text));
    s.join(best, static_cast<uint32_t>(s.symbols.texts.size() - 1));
  }
  return Outcome::enough;
}

void FloorLearner::release() {
  State& s = *state_;
  s.pairs = {};
  s.arena = {};
  s.heap = PairHeap<PairEntry, State::Less>(State::Less{&s});
  s.occurrences = {};
  s.kept = {};
  s.ends = {};
}

void FloorLearner::append_result(RunTable::Place place, std::vector<uint32_t>* symbols) const {
  const State& s = *state_;
  for (size_t at = s.shard_begins[place.shard] + place.begin; s.cells[at].symbol != kSeparator;
       at += s.widths[s.cells[at].symbol])
    symbols->push_back(s.cells[at].symbol);
}

}  // namespace belle::tokenizer
