#pragma once
// The parts of a tokenizer.json that stand around its model.
#include "native/core/json.h"
#include "native/tokenizer/export/hf_special_pieces.h"
#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

// {id, content, ...} of every added piece.
Json json_added_tokens(const HfSpecialPieces& special);
// sentencepiece's normaliser in steps that Hugging Face has; where the dummy prefix is left to the
// pre-tokeniser, without it.
Json json_normalizer(const NormalizerSpec& spec, const HfTokenizerOptions& options);
Json json_pre_tokenizer(const NormalizerSpec& spec, const HfTokenizerOptions& options);
// Null where neither BOS nor EOS is asked for.
Json json_post_processor(const SentencePieceModel& model, const HfSpecialPieces& special,
                         const HfTokenizerOptions& options);
Json json_decoder(const SentencePieceModel& model);

}  // namespace belle::tokenizer
