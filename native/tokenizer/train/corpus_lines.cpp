#include "native/tokenizer/train/corpus_lines.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "native/core/utf8.h"

namespace belle::tokenizer {
namespace {

constexpr uint64_t kMaxFrequency = uint64_t{1} << 40;
constexpr std::string_view kRareSymbolBytes = "\xE2\x96\x85";

constexpr size_t kReadAhead = 1 << 17;  // what the system may map behind a page that is touched

// The pages of a map that lie within `text` stop counting as memory of this process; they are read again
// when touched.
void forget_pages(std::string_view text) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(text.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<uintptr_t>(text.data() + text.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace

Result<CorpusLines> CorpusLines::open(const std::vector<std::string>& files,
                                      std::span<const std::string> sentences, size_t max_sentence_bytes) {
  CorpusLines lines;
  lines.max_sentence_bytes_ = max_sentence_bytes;
  lines.sentences_ = sentences;
  for (const std::string& path : files) {
    BELLE_ASSIGN(auto map, MappedFile::open(path));
    lines.files_.push_back({std::move(map), path.ends_with(".tsv")});
    const std::string_view text = lines.files_.back().text();
    for (size_t begin = 0; begin < text.size();) {
      size_t end = std::min(begin + kChunkBytes, text.size());
      if (end < text.size()) {
        const size_t newline = text.find('\n', end - 1);
        end = newline == std::string_view::npos ? text.size() : newline + 1;
      }
      lines.chunks_.push_back({lines.files_.size() - 1, begin, end, end - begin});
      forget_pages(text.substr(begin, end - begin + kReadAhead));  // looking for newlines read some
      begin = end;
    }
    lines.bytes_ += text.size();
  }
  for (size_t begin = 0; begin < sentences.size();) {
    size_t end = begin;
    uint64_t bytes = 0;
    while (end < sentences.size() && bytes < kChunkBytes) bytes += sentences[end++].size();
    lines.chunks_.push_back({files.size(), begin, end, bytes});
    lines.bytes_ += bytes;
    begin = end;
  }
  return lines;
}

void CorpusLines::offer(std::string_view text, uint64_t frequency, const Visit& visit) const {
  if (text.empty() || text.size() > max_sentence_bytes_ ||
      text.find(kRareSymbolBytes) != std::string_view::npos)
    return;
  visit(text, frequency);
}

Status CorpusLines::read_tsv_line(const File& file, std::string_view line, const Visit& visit) const {
  const size_t tab = line.find('\t');
  uint64_t frequency = 0;
  if (tab != std::string_view::npos) {
    const std::string_view number = line.substr(tab + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), frequency);
    if (error != std::errc() || end != number.data() + number.size()) frequency = 0;
  }
  if (frequency < 1 || frequency > kMaxFrequency) {
    const std::string_view before =
        file.text().substr(0, static_cast<size_t>(line.data() - file.text().data()));
    return {
        StatusCode::invalid_data,
        file.map.path() + " line " + std::to_string(1 + std::count(before.begin(), before.end(), '\n')) +
            ": \"" + printable(line) +
            "\" is not text, one tab and a frequency from 1 to 2^40; rename the file if it is plain text"};
  }
  offer(line.substr(0, tab), frequency, visit);
  return {};
}

Status CorpusLines::read(size_t index, const Visit& visit) const {
  const Chunk& chunk = chunks_[index];
  if (chunk.file == files_.size()) {
    for (size_t i = chunk.begin; i < chunk.end; ++i) offer(sentences_[i], 1, visit);
    return {};
  }
  const File& file = files_[chunk.file];
  const std::string_view whole = file.text().substr(chunk.begin, chunk.end - chunk.begin);
  std::string_view rest = whole;
  while (!rest.empty()) {
    const size_t length = std::min(rest.find('\n'), rest.size());
    if (file.tsv)
      BELLE_TRY(read_tsv_line(file, rest.substr(0, length), visit));
    else
      offer(rest.substr(0, length), 1, visit);
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  forget_pages(whole);
  return {};
}

}  // namespace belle::tokenizer
