#pragma once
// Decoder: ids to text as sentencepiece 0.2.2 does it (SentencePieceProcessor::Decode).
#include <cstdint>
#include <span>
#include <string>

#include "native/tokenizer/sentencepiece_model.h"

namespace belle::tokenizer {

// CONTROL pieces give nothing, UNKNOWN the unk_surface, U+2581 a space. The U+2581 the normaliser put at the
// start is taken away, also behind pieces that give nothing; with remove_extra_whitespaces every leading one.
// Runs of BYTE pieces are decoded character by character, each malformed byte to U+FFFD. Ids out of range are
// skipped.
std::string decode_ids(const SentencePieceModel& model, std::span<const int32_t> ids);

}  // namespace belle::tokenizer
