#include "native/tokenizer/tokenizer.h"

#include "native/core/committed_file.h"
#include "native/core/mapped_file.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"

namespace belle::tokenizer {

Result<std::unique_ptr<Tokenizer>> Tokenizer::load(const std::string& path) {
  BELLE_ASSIGN(const MappedFile file, MappedFile::open(path));
  auto tokenizer = parse(file.bytes());
  if (!tokenizer.ok()) return Status(tokenizer.status().code(), path + ": " + tokenizer.status().message());
  return tokenizer;
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::parse(std::span<const uint8_t> bytes) {
  BELLE_ASSIGN(auto model, parse_model(bytes));
  BELLE_ASSIGN(auto tokenizer, SentencePieceTokenizer::create(std::move(model)));
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

size_t Tokenizer::cut(std::u16string_view text, size_t) const { return text.size(); }

Status Tokenizer::encode_part(std::u16string_view part, TextPart, EncodeScratch* scratch,
                              std::vector<int32_t>* ids) const {
  return encode(part, scratch, ids);
}

Status Tokenizer::save(const std::string& path) const { return write_committed_file(path, serialize()); }

}  // namespace belle::tokenizer
