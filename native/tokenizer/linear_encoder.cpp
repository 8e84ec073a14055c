#include "native/tokenizer/linear_encoder.h"

#include <algorithm>
#include <array>
#include <bit>

#include "native/tokenizer/rule_merger.h"

namespace belle::tokenizer {

// What was found out about pairs the quick way does not decide. Two threads may write one place: either
// answer is right, for it says of which pair it is.
class LinearEncoder::Answers {
 public:
  // 0: not known; 1: no; 2: yes
  uint64_t find(uint32_t left, uint32_t right) const {
    const uint64_t key = key_of(left, right);
    const uint64_t word = words_[place(key)].load(std::memory_order_relaxed);
    return word >> 2 == key >> 2 ? word & 3 : 0;
  }
  void note(uint32_t left, uint32_t right, bool yes) {
    const uint64_t key = key_of(left, right);
    words_[place(key)].store(key | (yes ? 2 : 1), std::memory_order_relaxed);
  }

 private:
  static constexpr size_t kWords = 1 << 12;
  // Symbols are below 2^31.
  static uint64_t key_of(uint32_t left, uint32_t right) {
    return uint64_t{left} << 33 | uint64_t{right} << 2;
  }
  static size_t place(uint64_t key) { return (key >> 2) * 0x9E3779B97F4A7C15ull >> 52; }
  std::array<std::atomic<uint64_t>, kWords> words_{};
};

LinearEncoder::LinearEncoder(LinearEncoder&&) noexcept = default;
LinearEncoder& LinearEncoder::operator=(LinearEncoder&&) noexcept = default;
LinearEncoder::~LinearEncoder() = default;

LinearEncoder::LinearEncoder(const Spelling& spelling, std::span<const MergeRule> rules)
    : symbol_of_atom_(spelling.atom_count, kNoSymbol), answers_(std::make_unique<Answers>()) {
  learn_symbols(spelling, rules);
  learn_touching(spelling);
}

// Merges every symbol's own text, to know how it comes about.
void LinearEncoder::learn_symbols(const Spelling& spelling, std::span<const MergeRule> rules) {
  symbols_.resize(spelling.symbols());
  for (uint32_t symbol = 0; symbol < symbols_.size(); ++symbol) {
    const auto atoms = spelling.of(symbol);
    symbols_[symbol].length = static_cast<uint32_t>(atoms.size());
    if (atoms.size() != 1) continue;
    symbols_[symbol].live = true;
    symbol_of_atom_[atoms[0]] = symbol;
  }
  const MergeTable all(rules);
  RuleMerger merger(all);
  std::vector<uint32_t> text;
  for (uint32_t symbol = 0; symbol < symbols_.size(); ++symbol) {
    Symbol& known = symbols_[symbol];
    if (known.length < 2) continue;
    text.clear();
    for (const uint32_t atom : spelling.of(symbol)) text.push_back(symbol_of_atom_[atom]);
    const auto merged = merger.merge(text);
    known.live = merged.size() == 1 && merged[0] == symbol;
    if (!known.live) continue;
    const auto merges = merger.merges();
    known.priority = merges.back().priority;
    known.left = merges.back().left;
    known.right = merges.back().right;
    known.ordered = std::is_sorted(merges.begin(), merges.end(), [](const MergeRule& a, const MergeRule& b) {
      return a.priority > b.priority;
    });
  }

  // What is not live never comes about: neither as a part nor as a whole.
  std::vector<MergeRule> kept;
  for (const MergeRule& rule : rules)
    if (symbols_[rule.left].live && symbols_[rule.right].live && symbols_[rule.result].live)
      kept.push_back(rule);
  table_ = MergeTable(kept);

  std::vector<SymbolTrie::Key> keys;
  for (uint32_t symbol = 0; symbol < symbols_.size(); ++symbol)
    if (symbols_[symbol].live) keys.push_back({spelling.of(symbol), symbol});
  trie_ = SymbolTrie(spelling.atom_count, std::move(keys));
  for (uint32_t symbol = 0; symbol < symbols_.size(); ++symbol) {
    Symbol& known = symbols_[symbol];
    if (!known.live || known.length < 2) continue;
    known.shorter = trie_.longest(spelling.of(symbol).first(known.length - 1)).symbol;
  }
}

void LinearEncoder::learn_touching(const Spelling& spelling) {
  size_t pairs = 0;
  for (const Symbol& symbol : symbols_)
    if (symbol.live) pairs += symbol.length - 1;
  const int bits = std::bit_width(std::max<size_t>(pairs * 8, 64) - 1);
  touch_shift_ = 64 - bits;
  touching_.resize((size_t{1} << bits) / 64);
  for (uint32_t symbol = 0; symbol < symbols_.size(); ++symbol) {
    if (!symbols_[symbol].live) continue;
    const auto atoms = spelling.of(symbol);
    if (atoms.size() > 1) joining_ = std::max(joining_, 1 + *std::max_element(atoms.begin(), atoms.end()));
    for (size_t i = 1; i < atoms.size(); ++i) {
      const uint64_t bit = touch_bit(atoms[i - 1], atoms[i]);
      touching_[bit >> 6] |= uint64_t{1} << (bit & 63);
    }
  }
}

bool LinearEncoder::merging_keeps(uint32_t left, uint32_t right, std::span<const uint32_t> atoms) const {
  if (const uint64_t known = answers_->find(left, right)) return known == 2;
  std::vector<uint32_t> text;
  for (const uint32_t atom : atoms.last(symbols_[left].length + symbols_[right].length))
    text.push_back(symbol_of_atom_[atom]);
  RuleMerger merger(table_);
  const auto merged = merger.merge(text);
  const bool keeps = merged.size() == 2 && merged[0] == left && merged[1] == right;
  answers_->note(left, right, keeps);
  return keeps;
}

// Whether merging the text of the two, which `atoms` ends with, gives the two. Where the merges of both fall
// in priority, what stands at the seam is known at any time: on the left the end of `left`, grown by the
// merges of its right edge, on the right likewise. From the last state back to the first: does what stands
// there join before the next merge of either edge?
bool LinearEncoder::suits(uint32_t left, uint32_t right, std::span<const uint32_t> atoms) const {
  if (!symbols_[left].ordered || !symbols_[right].ordered) return merging_keeps(left, right, atoms);
  uint32_t limit = 0;  // the priority of the next merge of an edge; 0: there is none
  bool limit_is_left = false;
  for (;;) {
    const MergeTable::Found seam = table_.find(left, right);
    // Of equal priorities the one further left goes first: an edge's merge on the left side is, one on the
    // right is not.
    if (seam.priority > limit || (seam.priority == limit && seam.priority != 0 && !limit_is_left))
      return false;
    const Symbol &a = symbols_[left], &b = symbols_[right];
    if (a.priority == kAtomPriority && b.priority == kAtomPriority) return true;
    // The later of the two last merges is undone; of equal ones that on the right is later.
    limit_is_left = a.priority < b.priority;
    limit = limit_is_left ? a.priority : b.priority;
    if (limit_is_left)
      left = a.right;
    else
      right = b.left;
  }
}

size_t LinearEncoder::encode(std::span<const uint32_t> atoms, Scratch* scratch, uint32_t* symbols) const {
  uint32_t* out = symbols;
  const size_t size = atoms.size();
  for (size_t begin = 0; begin < size;) {
    const uint32_t atom = atoms[begin];
    if (begin + 1 == size || separates(atom, atoms[begin + 1])) {
      *out++ = atom == kBarrier ? kNoSymbol : symbol_of_atom_[atom];
      ++begin;
      continue;
    }
    size_t end = begin + 2;
    while (end < size && !separates(atoms[end - 1], atoms[end])) ++end;
    const auto run = atoms.subspan(begin, end - begin);
    uint64_t few = 0;
    if (run.size() < 64) {
      out = encode_run(run, &few, out);
    } else {
      scratch->left.assign(run.size() / 64 + 1, 0);
      out = encode_run(run, scratch->left.data(), out);
    }
    begin = end;
  }
  return static_cast<size_t>(out - symbols);
}

// left: a bit for every place, 0 at first: a symbol that ended here was taken back.
uint32_t* LinearEncoder::encode_run(std::span<const uint32_t> atoms, uint64_t* left,
                                    uint32_t* symbols) const {
  uint32_t* out = symbols;
  size_t at = 0;
  SymbolTrie::Match match = trie_.longest(atoms);
  for (;;) {
    const size_t end = at + match.length;
    if (!(left[end >> 6] >> (end & 63) & 1) && (out == symbols || !may_touch(atoms[at - 1], atoms[at]) ||
                                                suits(out[-1], match.symbol, atoms.first(end)))) {
      *out++ = match.symbol;
      if (end == atoms.size()) return out;
      at = end;
      match = trie_.longest(atoms.subspan(at));
      continue;
    }
    // Nothing fits here: take the last symbol back and try a shorter one in its place. The first one never
    // fails for good, for the encoding exists.
    while (symbols_[match.symbol].shorter == kNoSymbol && out != symbols) {
      left[at >> 6] |= uint64_t{1} << (at & 63);
      match.symbol = *--out;
      at -= symbols_[match.symbol].length;
    }
    match.symbol = symbols_[match.symbol].shorter;
    match.length = symbols_[match.symbol].length;
  }
}

}  // namespace belle::tokenizer
