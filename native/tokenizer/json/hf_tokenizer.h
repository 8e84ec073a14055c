#pragma once
// HfTokenizer: a tokenizer.json of Hugging Face, or a tiktoken rank file, at work.
#include <mutex>

#include "native/tokenizer/json/json_tokenizer.h"
#include "native/tokenizer/tokenizer.h"

namespace belle::tokenizer {

class HfTokenizer final : public Tokenizer {
 public:
  // content: the file's, kept for serialize(). rank_file: it is tiktoken's.
  HfTokenizer(std::unique_ptr<JsonTokenizer> json, std::string content, bool rank_file);

  int32_t vocab_size() const override { return json_->vocab_size(); }
  // Ids that nothing stands for are UNUSED pieces without text; added tokens are CONTROL when special, else
  // USER_DEFINED. Byte-level pieces are written as in the file, a printable character a byte.
  const Piece& piece(int32_t id) const override;
  int32_t piece_id(std::string_view piece) const override { return json_->piece_id(piece); }
  int32_t unk_id() const override { return json_->unk_id(); }
  int32_t bos_id() const override { return json_->bos_id(); }
  int32_t eos_id() const override { return json_->eos_id(); }
  int32_t pad_id() const override { return json_->pad_id(); }
  using Tokenizer::encode;
  Status encode(std::string_view utf8, EncodeScratch* scratch, std::vector<int32_t>* ids) const override;
  Status encode(std::u16string_view utf16, EncodeScratch* scratch, std::vector<int32_t>* ids) const override;
  Status encode_with_spans(std::string_view utf8, std::vector<int32_t>* ids,
                           std::vector<ByteRange>* spans) const override;
  std::string decode(std::span<const int32_t> ids) const override { return json_->decode(ids, true); }
  std::unique_ptr<StreamDecoder> decode_stream() const override;
  std::string fingerprint() const override { return json_->fingerprint(); }
  std::string serialize() const override { return content_; }
  const char* file_name() const override { return rank_file_ ? "tokenizer.tiktoken" : "tokenizer.json"; }
  const TokenizerJson* tokenizer_json() const override { return &json_->json(); }

 private:
  std::unique_ptr<JsonTokenizer> json_;
  std::string content_;
  bool rank_file_;
  // Made when first asked for: encoding and decoding do without.
  mutable std::once_flag pieces_made_;
  mutable std::vector<Piece> pieces_;
};

}  // namespace belle::tokenizer
