#include "native/tokenizer/unicode/unicode_script.h"

#include <algorithm>
#include <iterator>

namespace belle::tokenizer {
namespace {

struct ScriptRange {
  uint32_t first, last;
  uint8_t script;
};
constexpr ScriptRange kScripts[] = {
#define BELLE_SCRIPTS
#include "native/tokenizer/unicode/unicode_script_table.inc"
#undef BELLE_SCRIPTS
};

struct HanRange {
  uint32_t first, last;
};
constexpr HanRange kHan[] = {
#define BELLE_HAN
#include "native/tokenizer/unicode/unicode_script_table.inc"
#undef BELLE_HAN
};

// The range that holds c, or nullptr; ranges are sorted and disjoint.
template <class Range, size_t n>
const Range* find(const Range (&ranges)[n], uint32_t c) {
  const auto* next = std::upper_bound(std::begin(ranges), std::end(ranges), c,
                                      [](uint32_t value, const Range& range) { return value < range.first; });
  if (next == std::begin(ranges)) return nullptr;
  const Range* range = next - 1;
  return c <= range->last ? range : nullptr;
}

}  // namespace

Script unicode_script(char32_t c) {
  const ScriptRange* range = find(kScripts, c);
  return range ? static_cast<Script>(range->script) : Script::common;
}

bool is_han(char32_t c) { return find(kHan, c) != nullptr; }

}  // namespace belle::tokenizer
