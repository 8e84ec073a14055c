#pragma once
// Compiles normalisation rules into sentencepiece's precompiled_charsmap:
//   u32 LE byte size of the trie | trie: Darts-clone double array units, u32 LE, a multiple of 256 |
//   replacements, UTF-8, each ended by NUL
// A unit holds label (bits 0-7), has_leaf (8), offset extension (9), offset (10-30); a leaf's unit is
// 0x80000000 | position of the replacement (s-yata/darts-clone include/darts.h).
#include <string>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/unicode/nmt_nfkc.h"

namespace belle::tokenizer {

// rules: sorted by `from`, each once, none with U+0000. Equal suffixes share units, so the result stays
// small.
Result<std::string> build_charsmap(const std::vector<NormalizationRule>& rules);

// The precompiled charsmap of a rule by sentencepiece's name: identity (empty) | nfkc | nmt_nfkc | nfkc_cf |
// nmt_nfkc_cf.
Result<std::string> precompiled_charsmap(const std::string& rule_name);

}  // namespace belle::tokenizer
