#pragma once
// Training requests for tests: options by sentencepiece's names, and a run without progress or stop.
#include <atomic>
#include <string>

#include "native/core/json.h"
#include "native/tokenizer/train/bpe_trainer.h"

namespace belle::tokenizer {

inline Result<SentencePieceModel> train(const BpeTrainRequest& request) {
  const std::atomic<bool> stop{false};
  return train_bpe(request, stop, [](const BpeTrainProgress&) {});
}

// false for an option this does not know.
inline bool set_option(BpeTrainRequest* request, const std::string& name, const Json& value) {
  TrainerSpec& trainer = request->trainer_spec;
  NormalizerSpec& normalizer = request->normalizer_spec;
  double number = 0;
  value.number(&number);
  const bool flag = value.boolean() && *value.boolean();
  const auto texts = [&] {
    std::vector<std::string> all;
    for (const Json& text : *value.array()) all.push_back(*text.string());
    return all;
  };
  if (name == "normalization_rule_name")
    normalizer.name = *value.string();
  else if (name == "remove_extra_whitespaces")
    normalizer.remove_extra_whitespaces = flag;
  else if (name == "add_dummy_prefix")
    normalizer.add_dummy_prefix = flag;
  else if (name == "vocab_size")
    trainer.vocab_size = static_cast<int32_t>(number);
  else if (name == "max_sentence_length")
    trainer.max_sentence_length = static_cast<int32_t>(number);
  else if (name == "max_sentencepiece_length")
    trainer.max_sentencepiece_length = static_cast<int32_t>(number);
  else if (name == "input_sentence_size")
    trainer.input_sentence_size = static_cast<uint64_t>(number);
  else if (name == "shuffle_input_sentence")
    trainer.shuffle_input_sentence = flag;
  else if (name == "character_coverage")
    trainer.character_coverage = static_cast<float>(number);
  else if (name == "byte_fallback")
    trainer.byte_fallback = flag;
  else if (name == "split_digits")
    trainer.split_digits = flag;
  else if (name == "split_by_number")
    trainer.split_by_number = flag;
  else if (name == "split_by_unicode_script")
    trainer.split_by_unicode_script = flag;
  else if (name == "split_by_whitespace")
    trainer.split_by_whitespace = flag;
  else if (name == "treat_whitespace_as_suffix")
    trainer.treat_whitespace_as_suffix = flag;
  else if (name == "allow_whitespace_only_pieces")
    trainer.allow_whitespace_only_pieces = flag;
  else if (name == "hard_vocab_limit")
    trainer.hard_vocab_limit = flag;
  else if (name == "required_chars")
    trainer.required_chars = *value.string();
  else if (name == "control_symbols")
    trainer.control_symbols = texts();
  else if (name == "user_defined_symbols")
    trainer.user_defined_symbols = texts();
  else if (name == "unk_id")
    trainer.unk_id = static_cast<int32_t>(number);
  else if (name == "bos_id")
    trainer.bos_id = static_cast<int32_t>(number);
  else if (name == "eos_id")
    trainer.eos_id = static_cast<int32_t>(number);
  else if (name == "pad_id")
    trainer.pad_id = static_cast<int32_t>(number);
  else
    return false;
  return true;
}

}  // namespace belle::tokenizer
