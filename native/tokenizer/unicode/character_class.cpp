#include "native/tokenizer/unicode/character_class.h"

#include <algorithm>
#include <iterator>

namespace belle::tokenizer {
namespace {

struct ClassRange {
  uint32_t first, last;
  uint8_t value;
};
constexpr ClassRange kClasses[] = {
#define BELLE_CLASSES
#include "native/tokenizer/unicode/character_class_table.inc"
#undef BELLE_CLASSES
};

struct WordRange {
  uint32_t first, last;
};
constexpr WordRange kWords[] = {
#define BELLE_WORDS
#include "native/tokenizer/unicode/character_class_table.inc"
#undef BELLE_WORDS
};

}  // namespace

CharacterClasses::CharacterClasses() : blocks_(256) {
  // Blocks that hold one value throughout are shared.
  std::array<int, 16> uniform{};
  const ClassRange* range = std::begin(kClasses);
  std::array<uint8_t, 256> block{};
  for (uint32_t number = 0; number < index_.size(); ++number) {
    for (uint32_t low = 0; low < 256; ++low) {
      const uint32_t c = number << 8 | low;
      while (range != std::end(kClasses) && range->last < c) ++range;
      block[low] = range != std::end(kClasses) && range->first <= c ? range->value : 0;
    }
    const bool same =
        std::all_of(block.begin(), block.end(), [&](uint8_t value) { return value == block[0]; });
    if (same && block[0] == 0) continue;
    if (same && uniform[block[0]] > 0) {
      index_[number] = static_cast<uint16_t>(uniform[block[0]]);
      continue;
    }
    index_[number] = static_cast<uint16_t>(blocks_.size() / 256);
    if (same) uniform[block[0]] = index_[number];
    blocks_.insert(blocks_.end(), block.begin(), block.end());
  }
}

const CharacterClasses& CharacterClasses::get() {
  static const CharacterClasses classes;
  return classes;
}

bool is_word_character(uint32_t c) {
  const auto* next =
      std::upper_bound(std::begin(kWords), std::end(kWords), c,
                       [](uint32_t value, const WordRange& range) { return value < range.first; });
  return next != std::begin(kWords) && c <= (next - 1)->last;
}

}  // namespace belle::tokenizer
