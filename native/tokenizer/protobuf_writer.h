#pragma once
// ProtobufWriter: builds one protobuf message with its fields in ascending number, as protobuf's own
// serialisers write them, wherever in that order they are handed in.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace belle::tokenizer {

class ProtobufWriter {
 public:
  void varint(uint32_t number, uint64_t value);
  void int32(uint32_t number, int32_t value);  // negative values take 10 bytes, as protobuf sign-extends them
  void float32(uint32_t number, float value);
  void bytes(uint32_t number, std::string_view value);
  // Whole fields (key + value) kept from a reader.
  void raw(std::string_view fields);
  // The message; fields of one number stay in the order they were given.
  std::string finish() const;

 private:
  struct Field {
    uint32_t number;
    size_t begin, end;  // in buffer_
  };
  void key(uint32_t number, uint32_t wire);
  void close();
  void put_varint(uint64_t value);

  std::string buffer_;
  std::vector<Field> fields_;
};

}  // namespace belle::tokenizer
