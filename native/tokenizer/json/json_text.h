#pragma once
// The text of a JsonTokenizer on its way from the input to words: normalised, replaced, cut, each byte
// knowing which characters of the input it comes from.
#include <deque>
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

class TextStage {
 public:
  // with_origins: keep them through changes. Else the origin of changed text is lost.
  explicit TextStage(bool with_origins) : with_origins_(with_origins) {}

  // invalid_argument when the text would grow past JsonTokenizer::kMaxBytes.
  Result<TextPart> normalize(const std::vector<NormalizerStep>& steps, TextPart part);
  // Cuts `part` into words, appended; the views live as long as this stage or the input.
  Status pre_tokenize(const std::vector<PreTokenizerStep>& steps, TextPart part,
                      std::vector<TextPart>* words);

 private:
  struct Changed {
    std::string text;
    std::vector<ByteRange> origin;
  };
  Result<TextPart> replace(TextPart part, std::string_view pattern, std::string_view content);
  TextPart prepend(TextPart part, std::string_view content);
  Status metaspace(const PreTokenizerStep& step, TextPart part, std::vector<TextPart>* out);
  void append(Changed* changed, TextPart part, size_t begin, size_t end) const;
  TextPart keep(Changed changed);

  bool with_origins_;
  std::deque<Changed> kept_;
};

}  // namespace belle::tokenizer
