#pragma once
// SymbolStream: weighted segments of symbols as bytes, in blocks that threads write and read in any order; in
// memory, or in a file that is gone with the stream.
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/status.h"

namespace belle::tokenizer {

class SymbolStream {
 public:
  static std::unique_ptr<SymbolStream> in_memory();
  // Replaces the file.
  static Result<std::unique_ptr<SymbolStream>> in_file(const std::string& path);
  ~SymbolStream();

  // Collects the segments of one thread; finish() before it goes.
  class Writer {
   public:
    explicit Writer(SymbolStream* stream) : stream_(stream) {}
    Status add(uint64_t weight, std::span<const uint32_t> symbols);
    Status finish();

   private:
    SymbolStream* stream_;
    std::string block_;
  };

  size_t blocks() const { return blocks_.size(); }
  // The block's bytes: a view of *buffer or of the stream. io when the file cannot be read.
  Result<std::string_view> block(size_t index, std::string* buffer) const;

  // Takes the next segment off *block; false at its end. invalid_data when the bytes are damaged or hold a
  // symbol from `known` on.
  static Result<bool> next(std::string_view* block, size_t known, uint64_t* weight,
                           std::vector<uint32_t>* symbols);

 private:
  struct Block {
    std::string bytes;    // in memory
    uint64_t offset = 0;  // in the file
    size_t size = 0;
  };
  SymbolStream() = default;
  Status append(std::string block);

  std::string path_;
  int file_ = -1;
  std::mutex mutex_;
  std::vector<Block> blocks_;
  uint64_t bytes_ = 0;
};

}  // namespace belle::tokenizer
