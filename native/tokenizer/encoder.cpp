#include "native/tokenizer/encoder.h"

#include <algorithm>
#include <array>
#include <functional>
#include <unordered_map>
#include <utility>

#include "native/core/utf8.h"

namespace belle::tokenizer {

namespace {

constexpr uint32_t kNone = ~0u;

struct Symbol {
  uint32_t begin, size;  // bytes in the text; size 0 = merged into the symbol before it
  uint32_t previous, next;
  bool frozen;  // a user-defined piece
};

// Two neighbours that make a piece. Stale when either has grown or gone since: then the sizes no longer add
// up.
struct Candidate {
  uint64_t order;  // ~priority, then the left symbol: the smallest merges first
  uint32_t right, size;
  uint32_t left() const { return static_cast<uint32_t>(order); }
  bool operator>(const Candidate& other) const { return order > other.order; }
};

// One run of symbols that merges can join, and the space to work in.
class Run {
 public:
  Run(std::string_view text, const EncoderVocabulary& vocabulary) : text_(text), vocabulary_(vocabulary) {}

  void add(uint32_t begin, uint32_t size, bool frozen) {
    const auto index = static_cast<uint32_t>(symbols_.size());
    symbols_.push_back({begin, size, index - 1, index + 1, frozen});  // 0 - 1 = kNone
  }

  void finish(std::vector<Segment>* out) {
    if (symbols_.empty()) return;
    symbols_.back().next = kNone;
    if (symbols_.size() == 1) {
      emit(view(symbols_[0]), out);
    } else if (vocabulary_.any_unused()) {
      merge_by_queue();
      emit_all(out);
    } else {
      finish_known_or_merged(out);
    }
    symbols_.clear();
  }

 private:
  std::string_view view(const Symbol& symbol) const { return text_.substr(symbol.begin, symbol.size); }

  // Most words are one piece that encodes to itself; that it does is found out once.
  void finish_known_or_merged(std::vector<Segment>* out) {
    const uint32_t begin = symbols_.front().begin;
    const size_t size = symbols_.back().begin + symbols_.back().size - begin;
    const std::string_view all = text_.substr(begin, size);
    const int32_t id = size <= vocabulary_.longest() ? vocabulary_.find(all) : -1;
    const bool a_piece = id >= 0 && vocabulary_.mergeable(id);
    if (a_piece && vocabulary_.whole(id) == EncoderVocabulary::Whole::yes) {
      out->push_back({all, id});
      return;
    }
    const size_t before = out->size();
    if (symbols_.size() <= kShort) {
      merge_by_scan(out);
    } else {
      merge_by_queue();
      emit_all(out);
    }
    if (a_piece) vocabulary_.note_whole(id, out->size() == before + 1);
  }

  // The id of the piece that two symbols make, or -1.
  int32_t joined(const Symbol& left, const Symbol& right) const {
    const size_t size = size_t{left.size} + right.size;
    if (left.frozen || right.frozen || size > vocabulary_.longest()) return -1;
    const int32_t id = vocabulary_.find(text_.substr(left.begin, size));
    return id >= 0 && vocabulary_.mergeable(id) ? id : -1;
  }

  // Looking at all pairs for the best beats a queue while there are few.
  void merge_by_scan(std::vector<Segment>* out) {
    struct Pair {
      uint32_t priority;  // 0: makes no piece
      int32_t id;
    };
    std::array<Pair, kShort> pairs;   // pairs[i]: of the symbols i and i + 1
    std::array<int32_t, kShort> ids;  // of merged symbols, -1 for single characters
    size_t count = symbols_.size();
    const auto pair_at = [&](size_t i) {
      const int32_t id = joined(symbols_[i], symbols_[i + 1]);
      return Pair{id < 0 ? 0 : vocabulary_.priority(id), id};
    };
    for (size_t i = 0; i + 1 < count; ++i) pairs[i] = pair_at(i);
    ids.fill(-1);
    while (count > 1) {
      size_t best = 0;
      for (size_t i = 1; i + 1 < count; ++i)
        if (pairs[i].priority > pairs[best].priority) best = i;
      if (pairs[best].priority == 0) break;
      symbols_[best].size += symbols_[best + 1].size;
      ids[best] = pairs[best].id;
      --count;
      for (size_t i = best + 1; i < count; ++i) {
        symbols_[i] = symbols_[i + 1];
        ids[i] = ids[i + 1];
        pairs[i - 1] = pairs[i];
      }
      if (best > 0) pairs[best - 1] = pair_at(best - 1);
      if (best + 1 < count) pairs[best] = pair_at(best);
    }
    for (size_t i = 0; i < count; ++i) {
      const std::string_view part = view(symbols_[i]);
      out->push_back({part, ids[i] >= 0 ? ids[i] : vocabulary_.find(part)});
    }
  }

  void consider(uint32_t left, uint32_t right) {
    const Symbol &a = symbols_[left], &b = symbols_[right];
    const int32_t id = joined(a, b);
    if (id < 0) return;
    const uint32_t size = a.size + b.size;
    queue_.push_back({uint64_t{~vocabulary_.priority(id)} << 32 | left, right, size});
    if (vocabulary_.unused(id)) parts_[text_.substr(a.begin, size)] = {view(a), view(b)};
  }

  void push(uint32_t left, uint32_t right) {
    if (left == kNone || right == kNone) return;
    const size_t before = queue_.size();
    consider(left, right);
    if (queue_.size() > before) std::push_heap(queue_.begin(), queue_.end(), std::greater<>());
  }

  void merge_by_queue() {
    queue_.clear();
    for (uint32_t i = 1; i < symbols_.size(); ++i) consider(i - 1, i);
    std::make_heap(queue_.begin(), queue_.end(), std::greater<>());
    while (!queue_.empty()) {
      const Candidate best = queue_.front();
      std::pop_heap(queue_.begin(), queue_.end(), std::greater<>());
      queue_.pop_back();
      Symbol &left = symbols_[best.left()], &right = symbols_[best.right];
      if (left.size == 0 || right.size == 0 || left.size + right.size != best.size) continue;
      left.size = best.size;
      right.size = 0;
      left.next = right.next;
      if (left.next != kNone) symbols_[left.next].previous = best.left();
      push(left.previous, best.left());
      push(best.left(), left.next);
    }
  }

  void emit_all(std::vector<Segment>* out) {
    for (uint32_t i = 0; i != kNone; i = symbols_[i].next) emit(view(symbols_[i]), out);
  }

  // sentencepiece splits an UNUSED piece by the pair that was last seen to make it anywhere in the text, and
  // gives up below 100 levels.
  void emit(std::string_view text, std::vector<Segment>* out) {
    constexpr int kMaxDepth = 100;
    pending_.assign(1, {text, 0});
    while (!pending_.empty()) {
      const auto [part, depth] = pending_.back();
      pending_.pop_back();
      const int32_t id = vocabulary_.find(part);
      const auto split =
          id >= 0 && vocabulary_.unused(id) && depth <= kMaxDepth ? parts_.find(part) : parts_.end();
      if (split == parts_.end()) {
        out->push_back({part, id});
        continue;
      }
      pending_.emplace_back(split->second.second, depth + 1);
      pending_.emplace_back(split->second.first, depth + 1);
    }
  }

  static constexpr size_t kShort = 32;
  std::string_view text_;
  const EncoderVocabulary& vocabulary_;
  std::vector<Symbol> symbols_;
  std::vector<Candidate> queue_;
  std::vector<std::pair<std::string_view, int>> pending_;
  std::unordered_map<std::string_view, std::pair<std::string_view, std::string_view>> parts_;
};

std::vector<std::string> user_defined_of(const std::vector<Piece>& pieces) {
  std::vector<std::string> texts;
  for (const Piece& piece : pieces)
    if (piece.type == PieceType::user_defined) texts.push_back(piece.piece);
  return texts;
}

}  // namespace

Encoder::Encoder(const std::vector<Piece>& pieces)
    : vocabulary_(pieces), user_defined_(user_defined_of(pieces)) {}

void Encoder::segment(std::string_view text, std::vector<Segment>* out) const {
  Run run(text, vocabulary_);
  uint32_t previous = kNoCharacter;  // the character before, unless it was a user-defined piece
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const size_t defined = user_defined_.match(rest);
    const size_t size = defined ? defined : std::min<size_t>(rest.size(), utf8_announced_length(rest[0]));
    const uint32_t character = defined ? kNoCharacter : pack_character(rest.substr(0, size));
    const bool joins = previous != kNoCharacter && !defined && vocabulary_.may_join(previous, character);
    // With UNUSED pieces a split seen at one place decides at another, so the text must stay one run.
    if (!joins && !vocabulary_.any_unused()) run.finish(out);
    run.add(static_cast<uint32_t>(at), static_cast<uint32_t>(size), defined > 0);
    previous = character;
    at += size;
  }
  run.finish(out);
}

}  // namespace belle::tokenizer
