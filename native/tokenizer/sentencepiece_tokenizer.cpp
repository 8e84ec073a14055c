#include "native/tokenizer/sentencepiece_tokenizer.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "native/core/code_points.h"
#include "native/tokenizer/byte_piece.h"
#include "native/tokenizer/decoder.h"
#include "native/tokenizer/fingerprint_writer.h"
#include "native/tokenizer/user_defined.h"

namespace belle::tokenizer {
namespace {

void add_normalizer(const NormalizerSpec& spec, FingerprintWriter* out) {
  out->text(spec.precompiled_charsmap);
  out->number(spec.add_dummy_prefix);
  out->number(spec.remove_extra_whitespaces);
  out->number(spec.escape_whitespaces);
}

// Whether spaces are where words begin: one is a known piece, and none stands behind another character within
// a piece.
bool spaces_begin_words(const std::vector<Piece>& pieces, char32_t space) {
  std::string text;
  append_utf8(space, &text);
  bool known = false;
  for (const Piece& piece : pieces) {
    known = known || (piece.type == PieceType::normal && piece.piece == text);
    const std::string_view all = piece.piece;
    for (size_t at = 0; (at = all.find(text, at)) != all.npos; at += text.size())
      if (at > 0 && !all.substr(0, at).ends_with(text)) return false;
  }
  return known;
}

}  // namespace

SentencePieceTokenizer::SentencePieceTokenizer(SentencePieceModel model, Normalizer normalizer,
                                               std::optional<NormalizerSpec> denormalizer_spec,
                                               std::optional<Normalizer> denormalizer)
    : model_(std::move(model)),
      normalizer_(std::move(normalizer)),
      denormalizer_spec_(std::move(denormalizer_spec)),
      denormalizer_(std::move(denormalizer)),
      table_(model_.pieces),
      user_defined_(user_defined_of(model_.pieces)),
      linear_(PieceEncoder::create(model_.pieces, table_)),
      heap_(table_, user_defined_),
      unk_id_(model_.unk_id()) {
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte)
    byte_ids_[byte] = table_.find(byte_piece(static_cast<uint8_t>(byte)));
  if (!plain()) return;
  const Normalizer::Plain rules = normalizer_.plain_rules();
  if (!rules.suffix && spaces_begin_words(model_.pieces, rules.space))
    words_owner_ = std::make_shared<char>();
}

Result<std::unique_ptr<SentencePieceTokenizer>> SentencePieceTokenizer::create(SentencePieceModel model) {
  BELLE_TRY(check_model(model));
  BELLE_ASSIGN(Normalizer normalizer,
               Normalizer::create(model.normalizer_spec, model.trainer_spec.treat_whitespace_as_suffix));
  BELLE_ASSIGN(std::optional<NormalizerSpec> denormalizer_spec, parse_denormalizer(model));
  std::optional<Normalizer> denormalizer;
  // sentencepiece ignores a denormaliser without a charsmap.
  if (denormalizer_spec && !denormalizer_spec->precompiled_charsmap.empty()) {
    BELLE_ASSIGN(denormalizer, Normalizer::create(*denormalizer_spec));
  }
  return std::unique_ptr<SentencePieceTokenizer>(new SentencePieceTokenizer(
      std::move(model), std::move(normalizer), std::move(denormalizer_spec), std::move(denormalizer)));
}

int32_t SentencePieceTokenizer::control_id(std::string_view piece) const {
  const int32_t id = table_.find(piece);
  return id >= 0 && this->piece(id).type == PieceType::control ? id : -1;
}

std::string SentencePieceTokenizer::decode(std::span<const int32_t> ids) const {
  std::string text = decode_ids(model_, ids);
  return denormalizer_ ? denormalizer_->normalize(text) : text;
}

namespace {

class PieceStream final : public StreamDecoder {
 public:
  PieceStream(const SentencePieceModel& model, const Normalizer* denormalizer)
      : decoder_(model), denormalizer_(denormalizer) {}
  void push(int32_t id, std::string* text) override { decoder_.push(id, denormalizer_ ? &all_ : text); }
  void finish(std::string* text) override {
    decoder_.finish(denormalizer_ ? &all_ : text);
    if (denormalizer_) *text += denormalizer_->normalize(all_);
    all_.clear();
  }

 private:
  PieceDecoder decoder_;
  const Normalizer* denormalizer_;
  std::string all_;
};

}  // namespace

std::unique_ptr<StreamDecoder> SentencePieceTokenizer::decode_stream() const {
  return std::make_unique<PieceStream>(model_, denormalizer_ ? &*denormalizer_ : nullptr);
}

std::string SentencePieceTokenizer::fingerprint() const {
  FingerprintWriter out;
  out.text("belle-train tokenizer 1");
  out.number(model_.pieces.size());
  for (const Piece& piece : model_.pieces) {
    out.text(piece.piece);
    out.number(std::bit_cast<uint32_t>(piece.score));
    out.number(static_cast<uint64_t>(piece.type));
  }
  const TrainerSpec& trainer = model_.trainer_spec;
  out.number(static_cast<uint64_t>(trainer.model_type));
  out.number(trainer.byte_fallback);
  out.number(trainer.treat_whitespace_as_suffix);
  out.text(trainer.unk_surface);
  add_normalizer(model_.normalizer_spec, &out);
  out.number(denormalizer_.has_value());
  if (denormalizer_) add_normalizer(*denormalizer_spec_, &out);
  return out.hex();
}

}  // namespace belle::tokenizer
