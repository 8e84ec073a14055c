#pragma once
// TokenizerJson: a Hugging Face tokenizer.json, read and checked. Only what this program can do exactly as
// tokenizers 0.23.2 does it is accepted; anything else that would change ids is refused by name.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/json/split_rules.h"
#include "native/tokenizer/json/tokenizer_json_vocabulary.h"
#include "native/tokenizer/ranked_encoder.h"

namespace belle::tokenizer {

struct AddedToken {
  std::string content;
  int32_t id = -1;
  bool special = false;
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // and after it
  bool single_word = false;  // only where no \w stands next to it
  bool normalized = false;   // sought in the normalised text, itself normalised
};

struct NormalizerStep {
  enum class Kind : uint8_t { prepend, replace };
  Kind kind = Kind::prepend;
  std::string pattern;  // replace: literal, not empty
  std::string content;
};

enum class SplitBehavior : uint8_t { removed, isolated, merged_with_previous, merged_with_next, contiguous };
enum class PrependScheme : uint8_t { always, first, never };

struct PreTokenizerStep {
  enum class Kind : uint8_t { split_rules, split_literal, byte_level, metaspace };
  Kind kind = Kind::split_rules;
  SplitRules rules = SplitRules::gpt2;                   // split_rules
  std::string pattern;                                   // split_literal: not empty
  SplitBehavior behavior = SplitBehavior::isolated;      // both splits
  bool invert = false;                                   // both splits
  bool add_prefix_space = false;                         // byte_level, always the last step
  bool use_regex = false;                                // byte_level: words of gpt2
  std::string replacement;                               // metaspace: one character
  PrependScheme prepend_scheme = PrependScheme::always;  // metaspace
  bool split = true;                                     // metaspace
};

struct DecoderStep {
  enum class Kind : uint8_t { byte_level, byte_fallback, fuse, strip, replace, metaspace };
  Kind kind = Kind::byte_level;
  std::string pattern;       // replace, strip: the character; metaspace: the replacement
  std::string content;       // replace
  uint32_t start = 0;        // strip: how many at the start
  uint32_t stop = 0;         // and at the end
  bool strip_first = false;  // metaspace: the first token loses every replacement
};

struct TokenizerJson {
  static constexpr size_t kMaxBytes = 256u << 20;
  static constexpr size_t kMaxSteps = 16;
  static constexpr uint32_t kMaxStrip = 16;           // characters, of a decoder's Strip
  static constexpr size_t kMaxDecoderGrowth = 256;    // by all Replace steps of a decoder together
  static constexpr size_t kMaxAddedBytes = 4u << 20;  // contents of all added tokens, normalised too

  JsonVocabulary vocabulary;
  std::vector<RankedPair> merges;  // in rank order
  std::vector<uint32_t> ranks;     // of the merges, when their order is not their rank (tiktoken)
  bool has_unk = false;
  int32_t unk_id = -1;  // -1 with has_unk: the piece is absent, unknown characters are an error
  std::string unk_token;
  bool byte_fallback = false;
  bool fuse_unk = false;
  bool ignore_merges = false;
  std::vector<AddedToken> added;  // in the order of the file
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizerStep> pre_tokenizer;
  bool has_decoder = false;  // without one tokens are joined by spaces
  std::vector<DecoderStep> decoder;
  // What the post-processor's template puts around one text; read, not applied.
  std::vector<int32_t> template_prefix, template_suffix;

  bool byte_level() const {
    return !pre_tokenizer.empty() && pre_tokenizer.back().kind == PreTokenizerStep::Kind::byte_level;
  }
};

// Memory: about the size of the text again. Errors: invalid_data with line and column where the file is
// broken or contradicts itself, unsupported where it asks for what is not done here.
Result<TokenizerJson> parse_tokenizer_json(std::string_view text);

}  // namespace belle::tokenizer
