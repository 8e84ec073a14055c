#pragma once
// CorpusLines: the sentences of text files (one a line, only '\n' ends a line), .tsv files (text TAB
// frequency) and memory, cut into chunks that can be read in any order.
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/mapped_file.h"
#include "native/core/status.h"

namespace belle::tokenizer {

class CorpusLines {
 public:
  static constexpr size_t kChunkBytes = 1 << 18;
  using Visit = std::function<void(std::string_view text, uint64_t frequency)>;

  // `sentences` must outlive the lines.
  static Result<CorpusLines> open(const std::vector<std::string>& files,
                                  std::span<const std::string> sentences, size_t max_sentence_bytes);
  size_t chunks() const { return chunks_.size(); }
  uint64_t chunk_bytes(size_t chunk) const { return chunks_[chunk].bytes; }
  uint64_t bytes() const { return bytes_; }
  // Calls visit for the chunk's sentences in order, without those that training skips: empty, longer than
  // max_sentence_bytes, or with U+2585 inside. invalid_data for a malformed .tsv line.
  Status read(size_t chunk, const Visit& visit) const;

 private:
  struct Chunk {
    size_t file;        // or files_.size(): sentences
    size_t begin, end;  // bytes of the file, or sentences
    uint64_t bytes;
  };
  struct File {
    MappedFile map;
    bool tsv;
    std::string_view text() const {
      return {reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size()};
    }
  };
  CorpusLines() = default;
  Status read_tsv_line(const File& file, std::string_view line, const Visit& visit) const;
  void offer(std::string_view text, uint64_t frequency, const Visit& visit) const;

  std::vector<File> files_;
  std::span<const std::string> sentences_;
  std::vector<Chunk> chunks_;
  uint64_t bytes_ = 0;
  size_t max_sentence_bytes_ = 0;
};

}  // namespace belle::tokenizer
