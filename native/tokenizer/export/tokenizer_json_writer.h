#pragma once
// A sentencepiece BPE model as Hugging Face's tokenizer.json.
#include <string>

#include "native/core/status.h"
#include "native/tokenizer/export/hf_special_pieces.h"
#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

// The file as tokenizers 0.23.2 writes it itself (two spaces, merges as arrays of two), without a last line
// feed. There it gives sentencepiece's ids, but for
//   - what piece_merges.h says of scores and of characters that are no piece: ask ExportChecker;
//   - text around USER_DEFINED pieces: there a new stretch begins after one, with legacy a dummy prefix too;
//   - without legacy, a text that begins with a space or U+2581, or whose first character the normaliser
//     removes: it gets no dummy prefix;
//   - the texts of CONTROL and UNKNOWN pieces, which are those pieces there and mere text to sentencepiece.
// Decoding differs in two things: <unk> gives its own text, and a run of byte pieces that is no UTF-8 gives
// one U+FFFD a byte. Refused (unsupported): models other than BPE; UNUSED pieces; white space not escaped;
// the dummy prefix as a suffix; a denormaliser; a charsmap, unless options.inexact_charsmap (there it is
// applied cluster by cluster of characters, here at every character, longest rule first). invalid_data: what
// check_model rejects, and merges over the limits of piece_merges.h. invalid_argument: see hf_special_pieces.
Result<std::string> write_tokenizer_json(const SentencePieceModel& model, const HfTokenizerOptions& options);

// The refusals of write_tokenizer_json that need no work.
Status check_exportable(const SentencePieceModel& model, const HfTokenizerOptions& options);

}  // namespace belle::tokenizer
