#pragma once
// The rules behind sentencepiece's named normalisations (src/builder.cc), computed from Unicode 17
// decompositions:
//   nfkc         Unicode NFKC as longest-prefix rules, multi-character rules included (カ + ゙ -> ガ)
//   nmt_nfkc     nfkc, control characters removed, tab, line ends, zero-width and odd spaces to U+0020,
//   U+FF5E kept nfkc_cf, nmt_nfkc_cf   the same followed by simple case folding
// They equal the rules inside sentencepiece 0.2.2.
#include <string>
#include <vector>

#include "native/core/status.h"

namespace belle::tokenizer {

struct NormalizationRule {
  std::u32string from, to;  // from is never empty; to may be
  bool operator==(const NormalizationRule&) const = default;
};

// Sorted by `from`, each `from` once. invalid_argument for a name that is not one of the four above.
Result<std::vector<NormalizationRule>> normalization_rules(const std::string& name);

}  // namespace belle::tokenizer
