#pragma once
// The way back: a tokenizer.json that was made from a sentencepiece BPE model, as such a model again.
#include "native/core/status.h"
#include "native/tokenizer/json/tokenizer_json.h"
#include "native/tokenizer/tokenizer.h"

namespace belle::tokenizer {

// The ids stay. Scores are the order of the merge list, and the model is given out only if its own merge list
// (piece_merges.h) is that of the file again; so text without special tokens has the same ids. (Special
// tokens in a text are text to sentencepiece.) unsupported, with the reason, for byte-level files, for steps
// that sentencepiece has no word for, and for merge lists that are not every way to put the pieces together.
Result<SentencePieceModel> sentencepiece_of(const TokenizerJson& json);
// A sentencepiece tokenizer's own model, or that of its tokenizer.json.
Result<SentencePieceModel> sentencepiece_of(const Tokenizer& tokenizer);

}  // namespace belle::tokenizer
