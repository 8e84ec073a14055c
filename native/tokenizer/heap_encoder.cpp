#include "native/tokenizer/heap_encoder.h"

#include <algorithm>
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

class Merging {
 public:
  Merging(std::string_view text, const PieceTable& pieces) : text_(text), pieces_(pieces) {}

  void add(uint32_t begin, uint32_t size, bool frozen) {
    const auto index = static_cast<uint32_t>(symbols_.size());
    symbols_.push_back({begin, size, index - 1, index + 1, frozen});  // 0 - 1 = kNone
  }

  void finish(std::vector<Segment>* out) {
    if (symbols_.empty()) return;
    symbols_.back().next = kNone;
    merge();
    for (uint32_t i = 0; i != kNone; i = symbols_[i].next) emit(view(symbols_[i]), out);
  }

 private:
  std::string_view view(const Symbol& symbol) const { return text_.substr(symbol.begin, symbol.size); }

  // The id of the piece that two symbols make, or -1.
  int32_t joined(const Symbol& left, const Symbol& right) const {
    const size_t size = size_t{left.size} + right.size;
    if (left.frozen || right.frozen || size > pieces_.longest()) return -1;
    const int32_t id = pieces_.find(text_.substr(left.begin, size));
    return id >= 0 && pieces_.mergeable(id) ? id : -1;
  }

  void consider(uint32_t left, uint32_t right) {
    const Symbol &a = symbols_[left], &b = symbols_[right];
    const int32_t id = joined(a, b);
    if (id < 0) return;
    const uint32_t size = a.size + b.size;
    queue_.push_back({uint64_t{~pieces_.priority(id)} << 32 | left, right, size});
    if (pieces_.unused(id)) parts_[text_.substr(a.begin, size)] = {view(a), view(b)};
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
      const int32_t id = pieces_.find(part);
      const auto split =
          id >= 0 && pieces_.unused(id) && depth <= kMaxDepth ? parts_.find(part) : parts_.end();
      if (split == parts_.end()) {
        out->push_back({part, id});
        continue;
      }
      pending_.emplace_back(split->second.second, depth + 1);
      pending_.emplace_back(split->second.first, depth + 1);
    }
  }

  std::string_view text_;
  const PieceTable& pieces_;
  std::vector<Symbol> symbols_;
  std::vector<Candidate> queue_;
  std::vector<std::pair<std::string_view, int>> pending_;
  std::unordered_map<std::string_view, std::pair<std::string_view, std::string_view>> parts_;
};

}  // namespace

void HeapEncoder::segment(std::string_view text, std::vector<Segment>* out) const {
  Merging merging(text, pieces_);
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const size_t defined = user_defined_.match(rest);
    const size_t size = defined ? defined : std::min<size_t>(rest.size(), utf8_announced_length(rest[0]));
    merging.add(static_cast<uint32_t>(at), static_cast<uint32_t>(size), defined > 0);
    at += size;
  }
  merging.finish(out);
}

}  // namespace belle::tokenizer
