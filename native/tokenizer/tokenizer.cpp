#include "native/tokenizer/tokenizer.h"

#include "native/core/committed_file.h"
#include "native/core/mapped_file.h"
#include "native/tokenizer/sentencepiece_tokenizer.h"

namespace belle::tokenizer {

Result<std::unique_ptr<Tokenizer>> Tokenizer::load(const std::string& path) {
  BELLE_ASSIGN(const MappedFile file, MappedFile::open(path));
  const auto in_file = [&](const Status& status) {
    return Status(status.code(), path + ": " + status.message());
  };
  auto model = parse_model(file.bytes());
  if (!model.ok()) return in_file(model.status());
  auto tokenizer = SentencePieceTokenizer::create(model.take());
  if (!tokenizer.ok()) return in_file(tokenizer.status());
  return std::unique_ptr<Tokenizer>(tokenizer.take());
}

size_t Tokenizer::cut(std::u16string_view text, size_t) const { return text.size(); }

Status Tokenizer::encode_part(std::u16string_view part, TextPart, EncodeScratch* scratch,
                              std::vector<int32_t>* ids) const {
  return encode(part, scratch, ids);
}

Status Tokenizer::save(const std::string& path) const { return write_committed_file(path, serialize()); }

}  // namespace belle::tokenizer
