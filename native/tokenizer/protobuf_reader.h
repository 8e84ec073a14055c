#pragma once
// ProtobufReader: the fields of one protobuf message (protobuf.dev/programming-guides/encoding), every size
// checked against the bytes that are there. Nested messages are length-delimited fields read by another
// reader: no recursion.
#include <cstdint>
#include <span>
#include <string_view>

#include "native/core/status.h"

namespace belle::tokenizer {

enum class WireType : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

struct ProtobufField {
  uint32_t number = 0;
  WireType wire = WireType::varint;
  uint64_t value = 0;              // varint, fixed64 and fixed32
  std::span<const uint8_t> bytes;  // WireType::bytes: the payload
  std::span<const uint8_t> raw;    // key and value as they stand in the message
  uint64_t offset = 0;             // of the key, from the start of the file

  std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  uint64_t payload_offset() const { return offset + static_cast<uint64_t>(bytes.data() - raw.data()); }
};

class ProtobufReader {
 public:
  // `file_offset`: where `bytes` begin in the file, for messages.
  explicit ProtobufReader(std::span<const uint8_t> bytes, uint64_t file_offset = 0)
      : bytes_(bytes), file_offset_(file_offset) {}

  bool at_end() const { return position_ == bytes_.size(); }
  // The next field; invalid_data for a varint over 10 bytes or 64 bits, a size past the end, field number 0
  // or over 2^29 - 1, and group or unknown wire types.
  Status next(ProtobufField* field);

 private:
  Status varint(uint64_t* value);
  std::span<const uint8_t> bytes_;
  uint64_t file_offset_;
  size_t position_ = 0;
};

}  // namespace belle::tokenizer
