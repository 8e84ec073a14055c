#include "native/tokenizer/json/ranked_encoder.h"

#include <limits>
#include <utility>

namespace belle::tokenizer {
namespace {

// Pieces are far shorter in any file that was trained; together they must not outgrow the file by much.
constexpr uint32_t kMostAtoms = 1 << 14;
constexpr size_t kAtomsPerPair = 64;

struct Rules {
  Spelling spelling;
  std::vector<uint32_t> atom_of_id;
  std::vector<MergeRule> merges;
};

// Hugging Face takes a pair that was queued to be still there when another pair of the same result has come
// to stand in its place. Where no id is the result of two pairs of different rank that makes no difference;
// else nullopt.
std::optional<Rules> rules_of(size_t ids, const std::vector<RankedPair>& pairs,
                              const std::vector<uint32_t>& ranks) {
  constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  std::vector<uint32_t> made_by(ids, kNone);  // the first pair that gives an id
  const auto rank = [&](size_t pair) { return ranks.empty() ? static_cast<uint32_t>(pair) : ranks[pair]; };
  for (size_t pair = 0; pair < pairs.size(); ++pair) {
    uint32_t& first = made_by[pairs[pair].result];
    if (first == kNone)
      first = static_cast<uint32_t>(pair);
    else if (rank(first) != rank(pair))
      return std::nullopt;
  }
  Rules rules;
  rules.atom_of_id.assign(ids, LinearEncoder::kBarrier);
  for (const RankedPair& pair : pairs)
    for (const uint32_t part : {pair.left, pair.right})
      if (made_by[part] == kNone && rules.atom_of_id[part] == LinearEncoder::kBarrier)
        rules.atom_of_id[part] = rules.spelling.atom_count++;

  // Every id's atoms: those of its halves, which may themselves be made later in the list.
  std::vector<std::vector<uint32_t>> atoms(ids);
  size_t total = 0;
  std::vector<uint32_t> pending;
  for (uint32_t id = 0; id < ids; ++id)
    if (rules.atom_of_id[id] != LinearEncoder::kBarrier) atoms[id] = {rules.atom_of_id[id]};
  for (uint32_t id = 0; id < ids; ++id) {
    if (made_by[id] != kNone) pending.push_back(id);
    while (!pending.empty()) {
      const uint32_t at = pending.back();
      if (!atoms[at].empty()) {
        pending.pop_back();
        continue;
      }
      const RankedPair& pair = pairs[made_by[at]];
      const size_t before = pending.size();
      for (const uint32_t part : {pair.left, pair.right})
        if (atoms[part].empty()) pending.push_back(part);
      if (pending.size() > pairs.size() + 2) return std::nullopt;  // a piece that is made of itself
      if (pending.size() > before) continue;
      pending.pop_back();
      atoms[at] = atoms[pair.left];
      atoms[at].insert(atoms[at].end(), atoms[pair.right].begin(), atoms[pair.right].end());
      total += atoms[at].size();
      if (atoms[at].size() > kMostAtoms || total > pairs.size() * kAtomsPerPair + kMostAtoms)
        return std::nullopt;
    }
  }
  for (const auto& spelt : atoms) rules.spelling.add(spelt);
  for (size_t pair = 0; pair < pairs.size(); ++pair) {
    const RankedPair& p = pairs[pair];
    // Larger priorities first, 0 is none and the largest is kept for atoms.
    if (rank(pair) >= kNone - 1) return std::nullopt;
    rules.merges.push_back({p.left, p.right, p.result, kNone - 1 - rank(pair)});
  }
  return rules;
}

}  // namespace

RankedEncoder::RankedEncoder(size_t ids, const std::vector<RankedPair>& pairs,
                             const std::vector<uint32_t>& ranks) {
  if (auto rules = rules_of(ids, pairs, ranks)) {
    linear_.emplace(rules->spelling, rules->merges);
    atom_of_id_ = std::move(rules->atom_of_id);
  } else {
    merger_ = ranks.empty() ? BpeMerger(pairs) : BpeMerger(pairs, ranks);
  }
}

void RankedEncoder::encode(std::span<const uint32_t> atoms, Scratch* scratch, std::vector<uint32_t>* out,
                           std::vector<uint32_t>* counts) const {
  if (!linear_) {
    if (merger_) merger_->encode(atoms, out, counts);
    return;
  }
  scratch->atoms.clear();
  for (const uint32_t id : atoms) scratch->atoms.push_back(atom_of_id_[id]);
  scratch->symbols.resize(atoms.size());
  const size_t count = linear_->encode(scratch->atoms, &scratch->linear, scratch->symbols.data());
  size_t at = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t symbol = scratch->symbols[i];
    const uint32_t length = symbol == kNoSymbol ? 1 : linear_->length(symbol);
    out->push_back(symbol == kNoSymbol ? atoms[at] : symbol);
    if (counts) counts->push_back(length);
    at += length;
  }
}

}  // namespace belle::tokenizer
