#include "native/tokenizer/export/hf_bpe.h"

#include <utility>

#include "native/core/utf8.h"
#include "native/tokenizer/byte_piece.h"
#include "native/tokenizer/space_symbol.h"
#include "native/tokenizer/user_defined.h"

namespace belle::tokenizer {

HfBpe::HfBpe(const SentencePieceModel& model, const PieceTable& table, const HfTokenizerOptions& options,
             Normalizer normalizer, const std::vector<RankedPair>& merges)
    : table_(&table),
      normalizer_(std::move(normalizer)),
      user_defined_(user_defined_of(model.pieces)),
      encoder_(model.pieces.size(), merges),
      unk_id_(static_cast<uint32_t>(model.unk_id())),
      byte_fallback_(model.trainer_spec.byte_fallback),
      prefix_first_(model.normalizer_spec.add_dummy_prefix && !options.legacy) {
  if (!byte_fallback_) return;
  for (int byte = 0; byte < 256; ++byte)
    byte_ids_.push_back(static_cast<uint32_t>(table.find(byte_piece(static_cast<uint8_t>(byte)))));
}

Result<HfBpe> HfBpe::create(const SentencePieceModel& model, const PieceTable& table,
                            const HfTokenizerOptions& options) {
  BELLE_ASSIGN(const std::vector<RankedPair> merges, piece_merges(model.pieces, table));
  NormalizerSpec spec = model.normalizer_spec;
  spec.add_dummy_prefix = spec.add_dummy_prefix && options.legacy;
  BELLE_ASSIGN(Normalizer normalizer, Normalizer::create(spec));
  return HfBpe(model, table, options, std::move(normalizer), merges);
}

void HfBpe::encode(std::string_view utf8, std::vector<int32_t>* ids) const {
  size_t begin = 0;
  for (size_t at = 0; at < utf8.size();) {
    const std::string_view rest = utf8.substr(at);
    const size_t defined = user_defined_.match(rest);
    if (defined == 0) {
      at += decode_utf8(rest).length;
      continue;
    }
    encode_stretch(utf8.substr(begin, at - begin), begin == 0, ids);
    ids->push_back(table_->find(rest.substr(0, defined)));
    at += defined;
    begin = at;
  }
  encode_stretch(utf8.substr(begin), begin == 0, ids);
}

void HfBpe::encode_stretch(std::string_view text, bool first, std::vector<int32_t>* ids) const {
  std::vector<size_t> origins;
  std::string normalized = normalizer_.normalize(text, PrefixMatcher(), prefix_first_ ? &origins : nullptr);
  // Metaspace's prepend_scheme "first": where the first character kept is the first of the text.
  if (prefix_first_ && first && !normalized.empty() && origins[0] == 0 &&
      !normalized.starts_with(kSpaceSymbol))
    normalized.insert(0, kSpaceSymbol);
  encode_normalized(normalized, ids);
}

void HfBpe::encode_normalized(std::string_view text, std::vector<int32_t>* ids) const {
  std::vector<uint32_t> symbols;
  bool after_unknown = false;
  while (!text.empty()) {
    const std::string_view character = text.substr(0, decode_utf8(text).length);
    text.remove_prefix(character.size());
    const int32_t id = table_->find(character);
    const bool unknown = id < 0 && !byte_fallback_;
    if (id >= 0) {
      symbols.push_back(static_cast<uint32_t>(id));
    } else if (byte_fallback_) {
      for (const char byte : character) symbols.push_back(byte_ids_[static_cast<uint8_t>(byte)]);
    } else if (!after_unknown) {
      symbols.push_back(unk_id_);
    }
    after_unknown = unknown;
  }
  RankedEncoder::Scratch scratch;
  std::vector<uint32_t> joined;
  encoder_.encode(symbols, &scratch, &joined);
  ids->insert(ids->end(), joined.begin(), joined.end());
}

}  // namespace belle::tokenizer
