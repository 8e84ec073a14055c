#include "native/tokenizer/encoder.h"

#include <algorithm>
#include <functional>
#include <queue>
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
    symbols_.push_back({begin, size, index == 0 ? kNone : index - 1, kNone, frozen});
    if (index > 0) symbols_[index - 1].next = index;
  }
  size_t size() const { return symbols_.size(); }

  void finish(std::vector<Segment>* out) {
    if (symbols_.size() > 1) merge();
    for (uint32_t i = 0; i != kNone && i < symbols_.size(); i = symbols_[i].next)
      emit(view(symbols_[i]), out);
    symbols_.clear();
  }

 private:
  std::string_view view(const Symbol& symbol) const { return text_.substr(symbol.begin, symbol.size); }

  void consider(uint32_t left, uint32_t right) {
    const Symbol &a = symbols_[left], &b = symbols_[right];
    const size_t size = size_t{a.size} + b.size;
    if (a.frozen || b.frozen || size > vocabulary_.longest()) return;
    const std::string_view joined = text_.substr(a.begin, size);
    const int32_t id = vocabulary_.find(joined);
    if (id < 0 || !vocabulary_.mergeable(id)) return;
    queue_.push_back({uint64_t{~vocabulary_.priority(id)} << 32 | left, right, static_cast<uint32_t>(size)});
    if (vocabulary_.unused(id)) parts_[joined] = {view(a), view(b)};
  }

  void push(uint32_t left, uint32_t right) {
    if (left == kNone || right == kNone) return;
    const size_t before = queue_.size();
    consider(left, right);
    if (queue_.size() > before) std::push_heap(queue_.begin(), queue_.end(), std::greater<>());
  }

  void merge() {
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
  std::string_view previous;  // the character before, when merges may cross from it
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const size_t defined = user_defined_.match(rest);
    const size_t size = defined ? defined : std::min<size_t>(rest.size(), utf8_announced_length(rest[0]));
    const std::string_view symbol = rest.substr(0, size);
    // With UNUSED pieces a split seen at one place decides at another, so the text must stay one run.
    const bool joined = !defined && !previous.empty() && vocabulary_.may_join(previous, symbol);
    if (!joined && !vocabulary_.any_unused() && run.size() > 0) run.finish(out);
    run.add(static_cast<uint32_t>(at), static_cast<uint32_t>(size), defined > 0);
    previous = defined ? std::string_view() : symbol;
    at += size;
  }
  run.finish(out);
}

}  // namespace belle::tokenizer
