#pragma once
// The text of a JsonTokenizer on its way from the input to words: normalised, replaced, cut, each byte
// knowing which characters of the input it comes from.
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/json/json_tokenizer.h"
#include "native/tokenizer/json/tokenizer_json.h"

namespace belle::tokenizer {

// A stretch of text. With origins, origin[i] is where byte i comes from; without, text is input and begins at
// `base`.
struct TextPart {
  std::string_view text;
  const ByteRange* origin = nullptr;
  size_t base = 0;

  TextPart slice(size_t begin, size_t end) const {
    return {text.substr(begin, end - begin), origin ? origin + begin : nullptr, base + begin};
  }
  // The characters of the input that the bytes [begin, end) come from; begin < end.
  ByteRange range(size_t begin, size_t end) const;
};

// The rules that pre_tokenize cuts by, where it does nothing else: the words are those of for_each_word.
std::optional<SplitRules> only_split(const std::vector<PreTokenizerStep>& steps);

class TextStage {
 public:
  // Of changed text, for `bytes` of input: far more than any file in use makes; one made to grow texts must
  // not fill the memory.
  static constexpr size_t most_bytes(size_t bytes) { return (1u << 20) + 64 * bytes; }

  // with_origins: keep them through changes; 17 bytes a byte of text. Else the origin of changed text is
  // lost. limit: bytes of text that all the changes may make, in time and so in memory.
  TextStage(bool with_origins, size_t limit) : with_origins_(with_origins), limit_(limit) {}

  // What the part becomes; lives until the next normalize. Both are invalid_argument past the limit and for
  // a text of 2 GiB.
  Result<TextPart> normalize(const std::vector<NormalizerStep>& steps, TextPart part);
  // Cuts `part` into words, appended; the views live as long as the input or until the next normalize.
  Status pre_tokenize(const std::vector<PreTokenizerStep>& steps, TextPart part,
                      std::vector<TextPart>* words);

 private:
  struct Changed {
    std::string text;
    std::vector<ByteRange> origin;
  };
  Result<TextPart> replace(TextPart part, std::string_view pattern, std::string_view content);
  Result<TextPart> prepend(TextPart part, std::string_view content);
  Status metaspace(const PreTokenizerStep& step, TextPart part, std::vector<TextPart>* out);
  void append(Changed* changed, TextPart part, size_t begin, size_t end) const;
  Status make_room(size_t bytes, Changed* changed);
  TextPart keep(Changed changed);

  bool with_origins_;
  size_t limit_, made_ = 0;
  std::deque<Changed> kept_;
};

}  // namespace belle::tokenizer
