#include "native/tokenizer/text_lines.h"

#include <algorithm>

namespace belle::tokenizer {
namespace {

// Some milliseconds of encoding.
constexpr size_t kChunkBytes = 256 << 10;

std::string_view without_return(std::string_view line) {
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

// ASCII white space and the ideographic space, which Chinese texts indent with.
bool is_blank(std::string_view line) {
  while (!line.empty()) {
    if (line.starts_with("\u3000"))
      line.remove_prefix(3);
    else if (line[0] == ' ' || (line[0] >= '\t' && line[0] <= '\r'))
      line.remove_prefix(1);
    else
      return false;
  }
  return true;
}

}  // namespace

Result<TextLines> TextLines::open(const std::vector<std::string>& files, uint64_t max_lines) {
  TextLines lines;
  std::string names;
  for (const std::string& path : files) {
    if (!names.empty()) names += ", ";
    names += path;
    BELLE_ASSIGN(auto map, MappedFile::open(path));
    lines.files_.push_back(std::move(map));
  }
  const auto enough = [&] { return max_lines > 0 && lines.lines_ == max_lines; };
  for (size_t file = 0; file < files.size() && !enough(); ++file) {
    const std::string_view text = lines.text(file);
    uint64_t number = 1;
    for (size_t at = 0; at < text.size() && !enough();) {
      Chunk chunk{file, at, at, number};
      while (at < text.size() && at - chunk.begin < kChunkBytes && !enough()) {
        const size_t end = std::min(text.find('\n', at), text.size());
        if (!is_blank(text.substr(at, end - at))) ++lines.lines_;
        ++number;
        at = std::min(end + 1, text.size());
      }
      chunk.end = at;
      lines.bytes_ += chunk.end - chunk.begin;
      lines.chunks_.push_back(chunk);
    }
  }
  if (lines.lines_ == 0)
    return Status(StatusCode::invalid_data,
                  names + ": no line holds text; give plain text, one sentence or paragraph a line");
  return lines;
}

void TextLines::read(size_t index, const std::function<bool(const Line&)>& visit) const {
  const Chunk& chunk = chunks_[index];
  std::string_view rest = text(chunk.file).substr(chunk.begin, chunk.end - chunk.begin);
  for (uint64_t number = chunk.first_number; !rest.empty(); ++number) {
    const size_t length = std::min(rest.find('\n'), rest.size());
    const std::string_view line = without_return(rest.substr(0, length));
    rest.remove_prefix(std::min(length + 1, rest.size()));
    if (!is_blank(line) && !visit({line, files_[chunk.file].path(), number})) return;
  }
}

}  // namespace belle::tokenizer
