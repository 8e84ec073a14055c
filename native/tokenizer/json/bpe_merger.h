#pragma once
// BpeMerger: byte pair encoding by ranked pairs, as Hugging Face tokenizers (models/bpe/word.rs) and tiktoken
// do it: of all neighbours that form a known pair the one with the lowest rank is merged, ties leftmost,
// until none is left.
#include <cstdint>
#include <span>
#include <vector>

namespace belle::tokenizer {

struct RankedPair {
  uint32_t left, right, result;
};

class BpeMerger {
 public:
  BpeMerger() = default;
  // A pair's rank is its index; of equal pairs the last counts, as in Hugging Face's hash map.
  explicit BpeMerger(const std::vector<RankedPair>& pairs);
  // Pairs with the rank pairs[i] has in `ranks`; pairs must be distinct. For tiktoken, where the rank is the
  // result's.
  BpeMerger(const std::vector<RankedPair>& pairs, const std::vector<uint32_t>& ranks);

  // Appends what the atoms become. counts, if given: of how many atoms each appended id is made, appended
  // too. Fewer than 2^31 atoms; time n log n.
  void encode(std::span<const uint32_t> atoms, std::vector<uint32_t>* out,
              std::vector<uint32_t>* counts = nullptr) const;

 private:
  static constexpr uint32_t kNone = ~0u;
  struct Slot {
    uint64_t key = ~0ull;
    uint32_t rank = kNone;
    uint32_t result = 0;
  };
  const Slot& find(uint32_t left, uint32_t right) const;
  Slot* place(uint64_t key);
  uint64_t hash(uint64_t key) const;
  void build(const std::vector<RankedPair>& pairs, const uint32_t* ranks);
  bool fill(const std::vector<RankedPair>& pairs, const uint32_t* ranks);
  void encode_short(std::span<const uint32_t> atoms, std::vector<uint32_t>* out,
                    std::vector<uint32_t>* counts) const;
  void encode_long(std::span<const uint32_t> atoms, std::vector<uint32_t>* out,
                   std::vector<uint32_t>* counts) const;

  std::vector<Slot> slots_{Slot{}};  // open addressing, at most half full
  uint64_t seed_ = 0x9E3779B97F4A7C15ull;
};

}  // namespace belle::tokenizer
