#pragma once
// Normalizer: sentencepiece's text normalisation (src/normalizer.cc): precompiled charsmap by longest prefix,
// spaces to U+2581, dummy prefix, extra white space removal.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/prefix_matcher.h"
#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

class Normalizer {
 public:
  // Validates the charsmap: sizes, every trie offset inside, every replacement NUL-terminated inside the blob
  // and at most 1,024 bytes. whitespace_as_suffix (TrainerSpec::treat_whitespace_as_suffix): the dummy space
  // goes to the end.
  static Result<Normalizer> create(const NormalizerSpec& spec, bool whitespace_as_suffix = false);
  Normalizer(Normalizer&&) noexcept;
  Normalizer& operator=(Normalizer&&) noexcept;
  ~Normalizer();
  // user_defined: pieces that pass through unchanged where they match (longest first); may be empty.
  std::string normalize(std::string_view text, const std::vector<std::string>* user_defined = nullptr) const;
  // The same with the matcher built once. origins: where in `text` each byte of the result comes from, and
  // one entry more, where the last one ends.
  std::string normalize(std::string_view text, const PrefixMatcher& user_defined,
                        std::vector<size_t>* origins = nullptr) const;
  // Normalises with no more than spaces and the dummy prefix: no charsmap, nothing removed. Then each
  // character is itself, a space is `space`.
  bool plain() const;
  struct Plain {
    char32_t space;
    bool prefix, suffix;  // a space before or after a text that is not empty
  };
  Plain plain_rules() const;

 private:
  struct State;
  explicit Normalizer(std::unique_ptr<State>);
  std::unique_ptr<State> state_;
};

}  // namespace belle::tokenizer
