#pragma once
// What a Hugging Face folder has to be told beside the model, and the pieces it treats apart from text.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/status.h"
#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

struct HfTokenizerOptions {
  // LLaMA's two ways with the dummy prefix. true: every stretch of text between special tokens gets one, as
  // sentencepiece gives every text one. false: only a text's first, and not where it begins with a space.
  bool legacy = true;
  bool add_bos = true, add_eos = false;
  std::string pad_piece{};          // of any type but BYTE; "" = the trainer spec's, if it is a CONTROL piece
  int64_t model_max_length = 2048;  // tokens, over 0
  // tokenizer_class LlamaTokenizer where the model normalises and falls back as LLaMA does. transformers 5
  // then rebuilds the tokenizer from vocabulary and merges, and gives a text that begins with a space no
  // dummy prefix, legacy or not. Off, or for other models: PreTrainedTokenizerFast, which takes
  // tokenizer.json as is.
  bool llama_class = true;
  // Write a model with a charsmap although Hugging Face reads charsmaps differently: see
  // write_tokenizer_json.
  bool inexact_charsmap = false;
};

// A piece that is searched for in the text as it comes, before the model sees it.
struct AddedPiece {
  int32_t id;
  std::string_view text;
  bool special;  // not of the text: left out when decoding on request
};

struct HfSpecialPieces {
  std::vector<AddedPiece> added;  // CONTROL, UNKNOWN, USER_DEFINED and the padding piece, by id
  int32_t unk = -1, bos = -1, eos = -1, pad = -1;
};

// Views into the model, which has passed check_model. invalid_argument: BOS or EOS asked for and absent, a
// padding piece that is none, a length that is not positive.
Result<HfSpecialPieces> hf_special_pieces(const SentencePieceModel& model, const HfTokenizerOptions& options);

}  // namespace belle::tokenizer
