#include "native/tokenizer/ranked_encoder.h"

#include <utility>

namespace belle::tokenizer {

RankedEncoder::Rules RankedEncoder::rules_of(size_t ids, const std::vector<RankedPair>& pairs,
                                             const std::vector<uint32_t>& ranks) {
  constexpr uint32_t kNone = ~0u;
  Rules rules;
  std::vector<uint32_t> made_by(ids, kNone);  // some pair that gives an id
  for (size_t i = pairs.size(); i-- > 0;) {   // the last of equal pairs first: it counts
    const RankedPair& pair = pairs[i];
    made_by[pair.result] = static_cast<uint32_t>(i);
    const uint32_t rank = ranks.empty() ? static_cast<uint32_t>(i) : ranks[i];
    rules.merges.push_back({pair.left, pair.right, pair.result, kNone - 1 - rank});
  }
  rules.atom_of_id.assign(ids, LinearEncoder::kBarrier);
  std::vector<std::vector<uint32_t>> atoms(ids);
  for (const RankedPair& pair : pairs)
    for (const uint32_t part : {pair.left, pair.right})
      if (made_by[part] == kNone && atoms[part].empty()) {
        rules.atom_of_id[part] = rules.spelling.atom_count++;
        atoms[part] = {rules.atom_of_id[part]};
      }
  // The atoms of an id are those of its halves, which may be made later in the list.
  std::vector<uint32_t> pending;
  for (uint32_t id = 0; id < ids; ++id) {
    if (made_by[id] != kNone) pending.push_back(id);
    while (!pending.empty()) {
      const uint32_t at = pending.back();
      const RankedPair& pair = pairs[made_by[at]];
      const size_t before = pending.size();
      for (const uint32_t part : {pair.left, pair.right})
        if (atoms[part].empty()) pending.push_back(part);
      if (pending.size() > before) continue;
      pending.pop_back();
      if (!atoms[at].empty()) continue;  // both halves asked for it
      atoms[at] = atoms[pair.left];
      atoms[at].insert(atoms[at].end(), atoms[pair.right].begin(), atoms[pair.right].end());
    }
  }
  for (const auto& spelt : atoms) rules.spelling.add(spelt);
  return rules;
}

RankedEncoder::RankedEncoder(size_t ids, const std::vector<RankedPair>& pairs,
                             const std::vector<uint32_t>& ranks)
    : RankedEncoder(rules_of(ids, pairs, ranks)) {}

RankedEncoder::RankedEncoder(Rules rules)
    : linear_(rules.spelling, rules.merges), atom_of_id_(std::move(rules.atom_of_id)) {}

void RankedEncoder::encode(std::span<const uint32_t> atoms, Scratch* scratch, std::vector<uint32_t>* out,
                           std::vector<uint32_t>* counts) const {
  scratch->atoms.clear();
  for (const uint32_t id : atoms) scratch->atoms.push_back(atom_of_id_[id]);
  scratch->symbols.resize(atoms.size());
  const size_t count = linear_.encode(scratch->atoms, &scratch->linear, scratch->symbols.data());
  size_t at = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t symbol = scratch->symbols[i];
    const uint32_t length = symbol == kNoSymbol ? 1 : linear_.length(symbol);
    out->push_back(symbol == kNoSymbol ? atoms[at] : symbol);
    if (counts) counts->push_back(length);
    at += length;
  }
}

}  // namespace belle::tokenizer
