#include "native/tokenizer/tokenizer.h"

#include "native/core/committed_file.h"

namespace belle::tokenizer {

size_t Tokenizer::cut(std::u16string_view text, size_t) const { return text.size(); }

Status Tokenizer::encode_part(std::u16string_view part, PartPlace, EncodeScratch* scratch,
                              std::vector<int32_t>* ids) const {
  return encode(part, scratch, ids);
}

Status Tokenizer::save(const std::string& path) const { return write_committed_file(path, serialize()); }

}  // namespace belle::tokenizer
