#pragma once
// TextLines: the lines of text files, one text a line, in chunks that are read on many threads. A line ends
// at '\n'; a '\r' before it does not count, nor do lines of white space only.
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/mapped_file.h"
#include "native/core/status.h"
#include "native/core/thread_pool.h"

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
  size_t chunks() const { return chunks_.size(); }

  using Progress = std::function<void(uint64_t done, uint64_t total)>;  // bytes
  using Visit = std::function<Status(const Line& line, size_t chunk, int thread)>;
  // Visits the lines on the pool's threads, those of a chunk in their order on one of them: what is gathered
  // by chunk is the same for any number of threads. on_progress is called on the calling thread. aborted,
  // saying that `what` was stopped, when stop was set; else the first status in the order of the lines that
  // is not ok, which ends its chunk, with file and line.
  Status visit(ThreadPool& pool, const std::atomic<bool>& stop, const char* what, const Progress& on_progress,
               const Visit& visit) const;

 private:
  struct Chunk {
    size_t file;
    size_t begin, end;  // bytes of the file
    uint64_t first_number;
  };
  TextLines() = default;
  // Until visit returns false.
  void read(const Chunk& chunk, const std::function<bool(const Line&)>& visit) const;
  std::string_view text(size_t file) const {
    return {reinterpret_cast<const char*>(files_[file].bytes().data()), files_[file].bytes().size()};
  }

  std::vector<MappedFile> files_;
  std::vector<Chunk> chunks_;
  uint64_t bytes_ = 0;  // of all chunks
};

}  // namespace belle::tokenizer
