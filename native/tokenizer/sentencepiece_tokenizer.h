#pragma once
// SentencePieceTokenizer: a sentencepiece BPE model at work, byte-exact with sentencepiece 0.2.2. Models of
// other types load, to be merged or looked at; they do not encode.
#include <array>
#include <optional>

#include "native/tokenizer/heap_encoder.h"
#include "native/tokenizer/normalizer.h"
#include "native/tokenizer/tokenizer.h"

namespace belle::tokenizer {

class SentencePieceTokenizer final : public Tokenizer {
 public:
  static Result<std::unique_ptr<SentencePieceTokenizer>> create(SentencePieceModel model);

  int32_t vocab_size() const override { return static_cast<int32_t>(model_.pieces.size()); }
  const Piece& piece(int32_t id) const override { return model_.pieces[static_cast<size_t>(id)]; }
  int32_t piece_id(std::string_view piece) const override { return table_.find(piece); }
  int32_t unk_id() const override { return unk_id_; }
  // The id is where the control piece stands, whatever the trainer spec says.
  int32_t bos_id() const override { return control_id(model_.trainer_spec.bos_piece); }
  int32_t eos_id() const override { return control_id(model_.trainer_spec.eos_piece); }
  int32_t pad_id() const override { return control_id(model_.trainer_spec.pad_piece); }
  using Tokenizer::encode;
  Status encode(std::string_view utf8, EncodeScratch* scratch, std::vector<int32_t>* ids) const override;
  Status encode(std::u16string_view utf16, EncodeScratch* scratch, std::vector<int32_t>* ids) const override;
  Status encode_with_spans(std::string_view utf8, std::vector<int32_t>* ids,
                           std::vector<ByteRange>* spans) const override;
  size_t cut(std::u16string_view text, size_t from) const override;
  Status encode_part(std::u16string_view part, PartPlace which, EncodeScratch* scratch,
                     std::vector<int32_t>* ids) const override;
  std::string decode(std::span<const int32_t> ids) const override;
  // With a denormaliser all text comes at the end: it may change any of it.
  std::unique_ptr<StreamDecoder> decode_stream() const override;
  std::string fingerprint() const override;
  std::string serialize() const override { return serialize_model(model_); }
  const char* file_name() const override { return "tokenizer.model"; }
  const SentencePieceModel* sentencepiece() const override { return &model_; }

  const SentencePieceModel& model() const { return model_; }
  const PieceTable& table() const { return table_; }
  std::string normalize(std::string_view utf8) const { return normalizer_.normalize(utf8, user_defined_); }
  // The segments of already normalised text, without byte fallback: one unk id per unknown character. For
  // merge reports: does a piece encode to itself? Works for every model type, by the rules of BPE.
  std::vector<int32_t> encode_normalized(std::string_view normalized) const;
  // The same by the reference encoder.
  std::vector<int32_t> encode_by_heap(std::string_view normalized) const;

 private:
  SentencePieceTokenizer(SentencePieceModel model, Normalizer normalizer,
                         std::optional<NormalizerSpec> denormalizer_spec,
                         std::optional<Normalizer> denormalizer);
  int32_t control_id(std::string_view piece) const;
  Status check_encodes() const;
  bool plain() const { return normalizer_.plain() && user_defined_.empty() && linear_.has_value(); }
  template <class Text>
  void encode_plain(Text text, PartPlace which, EncodeScratch* scratch, std::vector<int32_t>* ids) const;
  // The same, ASCII by the words known already once there are some.
  template <class Text>
  void encode_cached(Text text, PartPlace which, EncodeScratch* scratch, std::vector<int32_t>* ids) const;
  void encode_words(std::string_view ascii, EncodeScratch* scratch, std::vector<int32_t>* ids) const;
  std::span<const uint32_t> symbols_of(std::string_view normalized, EncodeScratch* scratch) const;
  void append_ids(std::span<const uint32_t> symbols, std::vector<int32_t>* ids) const;
  void append_bytes(uint32_t symbol, std::vector<int32_t>* ids) const;
  // Of a symbol as PieceEncoder gives them, in UTF-8.
  std::string text_of(uint32_t symbol) const;

  SentencePieceModel model_;
  Normalizer normalizer_;
  std::optional<NormalizerSpec> denormalizer_spec_;
  std::optional<Normalizer> denormalizer_;
  PieceTable table_;
  PrefixMatcher user_defined_;
  std::optional<PieceEncoder> linear_;
  HeapEncoder heap_;
  int32_t unk_id_;
  std::shared_ptr<const void> words_owner_;  // null: a text may not be cut before each space
  std::array<int32_t, 256> byte_ids_{};
};

}  // namespace belle::tokenizer
