#include "native/tokenizer/protobuf_reader.h"

#include <string>

namespace belle::tokenizer {

namespace {

Status damaged(uint64_t offset, const std::string& what) {
  return {StatusCode::invalid_data, "not a whole sentencepiece model: " + what + " at byte " +
                                        std::to_string(offset) +
                                        "; the file is cut, damaged or of another kind: fetch it again"};
}

}  // namespace

Status ProtobufReader::varint(uint64_t* value) {
  const size_t start = position_;
  *value = 0;
  for (int i = 0; i < 10; ++i) {
    if (position_ == bytes_.size()) return damaged(file_offset_ + start, "a varint without an end");
    const uint8_t byte = bytes_[position_++];
    if (i == 9 && byte > 1) break;  // the tenth byte holds the last of 64 bits
    *value |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
    if (byte < 0x80) return {};
  }
  return damaged(file_offset_ + start, "a varint of more than 64 bits");
}

Status ProtobufReader::next(ProtobufField* field) {
  const size_t start = position_;
  *field = {};
  field->offset = file_offset_ + start;
  uint64_t key;
  BELLE_TRY(varint(&key));
  if (key >> 3 == 0 || key >> 32 != 0)
    return damaged(field->offset, "field number " + std::to_string(key >> 3) + " (allowed: 1 to 536870911)");
  field->number = static_cast<uint32_t>(key >> 3);
  field->wire = static_cast<WireType>(key & 7);
  uint64_t size = 0;
  switch (field->wire) {
    case WireType::varint:
      BELLE_TRY(varint(&field->value));
      break;
    case WireType::fixed64:
      size = 8;
      break;
    case WireType::fixed32:
      size = 4;
      break;
    case WireType::bytes:
      BELLE_TRY(varint(&size));
      break;
    default:
      return damaged(field->offset, "field " + std::to_string(field->number) + " with wire type " +
                                        std::to_string(key & 7) + " (known: 0, 1, 2, 5)");
  }
  if (size > bytes_.size() - position_)
    return damaged(field->offset, "field " + std::to_string(field->number) + " claims " +
                                      std::to_string(size) + " bytes where " +
                                      std::to_string(bytes_.size() - position_) + " remain");
  const auto payload = bytes_.subspan(position_, static_cast<size_t>(size));
  position_ += payload.size();
  if (field->wire == WireType::bytes) field->bytes = payload;
  if (field->wire == WireType::fixed32 || field->wire == WireType::fixed64)
    for (size_t i = 0; i < payload.size(); ++i) field->value |= static_cast<uint64_t>(payload[i]) << (8 * i);
  field->raw = bytes_.subspan(start, position_ - start);
  return {};
}

}  // namespace belle::tokenizer
