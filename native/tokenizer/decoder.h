#pragma once
// PieceDecoder: ids to text as sentencepiece 0.2.2 does it (SentencePieceProcessor::Decode), id by id.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

// CONTROL pieces give nothing, UNKNOWN the unk_surface, U+2581 a space. The U+2581 the normaliser put at the
// start is taken away, also behind pieces that give nothing; with remove_extra_whitespaces every leading one.
// Runs of BYTE pieces are decoded character by character, each malformed byte to U+FFFD. Ids out of range are
// skipped.
class PieceDecoder {
 public:
  // The model must outlive the decoder.
  explicit PieceDecoder(const SentencePieceModel& model);
  // Appends the text that is certain now: a character is held back until its last byte is there.
  void push(int32_t id, std::string* text);
  // Appends what is held back: the bytes of characters that were never finished.
  void finish(std::string* text);

 private:
  void append(std::string_view part, std::string* text) {
    text->append(part);
    any_text_ |= !part.empty();
  }
  void append_with_spaces(std::string_view piece, std::string* text);

  const SentencePieceModel& model_;
  bool strips_;
  std::string bytes_;             // of a run of BYTE pieces, not yet a character
  bool any_text_ = false;         // since the start
  bool at_start_ = true;          // nothing but stripped and empty pieces so far
  bool stripped_prefix_ = false;  // the piece before gave up the dummy prefix
};

std::string decode_ids(const SentencePieceModel& model, std::span<const int32_t> ids);

}  // namespace belle::tokenizer
