#include "native/tokenizer/train/check_train_request.h"

#include <string>
#include <utility>

#include "native/core/utf8.h"

namespace belle::tokenizer {
namespace {

Status invalid(const std::string& what) { return {StatusCode::invalid_argument, what}; }

Status check_range(const char* option, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return {};
  return invalid(std::string(option) + " is " + std::to_string(value) + ": give " + std::to_string(low) +
                 " to " + std::to_string(high));
}

Status check_text(const std::string& option, const std::string& text) {
  if (text.empty()) return invalid(option + " holds an empty piece: give it a text");
  if (text.size() > kMaxPieceBytes || text.find('\0') != std::string::npos ||
      valid_utf8_prefix(text) != text.size())
    return invalid(option + " holds \"" + printable(text) +
                   "\": a piece is valid UTF-8 without U+0000, at most 7999 bytes");
  return {};
}

}  // namespace

Status check_train_request(const BpeTrainRequest& request) {
  const TrainerSpec& spec = request.trainer_spec;
  if (request.files.empty() && request.sentences.empty())
    return invalid("no training text: give files or sentences");
  BELLE_TRY(check_range("vocab_size", spec.vocab_size, 1, kMaxPieces));
  if (!(spec.character_coverage >= 0.98f && spec.character_coverage <= 1.0f))
    return invalid("character_coverage is " + std::to_string(spec.character_coverage) + ": give 0.98 to 1");
  BELLE_TRY(check_range("max_sentencepiece_length", spec.max_sentencepiece_length, 1, 512));
  BELLE_TRY(check_range("max_sentence_length", spec.max_sentence_length, 10, 1 << 30));
  if (spec.input_sentence_size != 0 && spec.input_sentence_size <= 100)
    return invalid("input_sentence_size is " + std::to_string(spec.input_sentence_size) +
                   ": give 0 (all sentences) or more than 100");
  BELLE_TRY(check_range("threads", request.threads, 0, kMaxTrainThreads));
  if (!request.normalizer_spec.escape_whitespaces)
    return invalid(
        "escape_whitespaces is false: BPE training needs spaces written as U+2581, set it to true");
  if (valid_utf8_prefix(spec.required_chars) != spec.required_chars.size())
    return invalid("required_chars is not valid UTF-8: \"" + printable(spec.required_chars) + "\"");
  for (const auto& [option, text] : {std::pair{"unk_piece", &spec.unk_piece},
                                     {"bos_piece", &spec.bos_piece},
                                     {"eos_piece", &spec.eos_piece},
                                     {"pad_piece", &spec.pad_piece}})
    BELLE_TRY(check_text(option, *text));
  for (const auto& text : spec.control_symbols) BELLE_TRY(check_text("control_symbols", text));
  for (const auto& text : spec.user_defined_symbols) BELLE_TRY(check_text("user_defined_symbols", text));
  return {};
}

}  // namespace belle::tokenizer
