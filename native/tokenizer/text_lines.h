#pragma once
// TextLines: the lines of text files, one text a line, in chunks that can be read in any order. A line ends
// at
// '\n'; a '\r' before it does not count, nor do lines of white space only.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/mapped_file.h"
#include "native/core/status.h"

namespace belle::tokenizer {

class TextLines {
 public:
  struct Line {
    std::string_view text;
    const std::string& file;
    uint64_t number;  // in its file, from 1; blank lines count
  };

  // The first max_lines lines of the files in their order, 0 = all. not_found / io for a file that cannot be
  // read, invalid_data when there is no line with text.
  static Result<TextLines> open(const std::vector<std::string>& files, uint64_t max_lines);
  uint64_t lines() const { return lines_; }
  uint64_t bytes() const { return bytes_; }
  size_t chunks() const { return chunks_.size(); }
  uint64_t chunk_bytes(size_t chunk) const { return chunks_[chunk].end - chunks_[chunk].begin; }
  // Visits the chunk's lines in order, until visit returns false.
  void read(size_t chunk, const std::function<bool(const Line&)>& visit) const;

 private:
  struct Chunk {
    size_t file;
    size_t begin, end;  // bytes of the file
    uint64_t first_number;
  };
  TextLines() = default;
  std::string_view text(size_t file) const {
    return {reinterpret_cast<const char*>(files_[file].bytes().data()), files_[file].bytes().size()};
  }

  std::vector<MappedFile> files_;
  std::vector<Chunk> chunks_;
  uint64_t lines_ = 0, bytes_ = 0;
};

}  // namespace belle::tokenizer
