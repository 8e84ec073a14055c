#include "native/tokenizer/protobuf_writer.h"

#include <algorithm>
#include <bit>

#include "native/tokenizer/protobuf_reader.h"

namespace belle::tokenizer {

void ProtobufWriter::put_varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) buffer_.push_back(static_cast<char>(value | 0x80));
  buffer_.push_back(static_cast<char>(value));
}

void ProtobufWriter::key(uint32_t number, uint32_t wire) {
  fields_.push_back({number, buffer_.size(), 0});
  put_varint(static_cast<uint64_t>(number) << 3 | wire);
}

void ProtobufWriter::close() { fields_.back().end = buffer_.size(); }

void ProtobufWriter::varint(uint32_t number, uint64_t value) {
  key(number, 0);
  put_varint(value);
  close();
}

void ProtobufWriter::int32(uint32_t number, int32_t value) {
  varint(number, static_cast<uint64_t>(static_cast<int64_t>(value)));
}

void ProtobufWriter::float32(uint32_t number, float value) {
  key(number, 5);
  const auto bits = std::bit_cast<uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) buffer_.push_back(static_cast<char>(bits >> shift));
  close();
}

void ProtobufWriter::bytes(uint32_t number, std::string_view value) {
  key(number, 2);
  put_varint(value.size());
  buffer_.append(value);
  close();
}

void ProtobufWriter::raw(std::string_view fields) {
  ProtobufReader reader({reinterpret_cast<const uint8_t*>(fields.data()), fields.size()});
  ProtobufField field;
  while (!reader.at_end() && reader.next(&field).ok()) {
    // Neighbours of one number share an entry: crafted files hold millions of small unknown fields.
    if (fields_.empty() || fields_.back().number != field.number || fields_.back().end != buffer_.size())
      fields_.push_back({field.number, buffer_.size(), 0});
    buffer_.append(reinterpret_cast<const char*>(field.raw.data()), field.raw.size());
    close();
  }
}

std::string ProtobufWriter::finish() const {
  const auto ascending = [](const Field& a, const Field& b) { return a.number < b.number; };
  if (std::is_sorted(fields_.begin(), fields_.end(), ascending)) return buffer_;
  std::vector<Field> order = fields_;
  std::stable_sort(order.begin(), order.end(), ascending);
  std::string message;
  message.reserve(buffer_.size());
  for (const Field& field : order) message.append(buffer_, field.begin, field.end - field.begin);
  return message;
}

}  // namespace belle::tokenizer
