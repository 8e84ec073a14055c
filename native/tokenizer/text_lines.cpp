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
  uint64_t count = 0;
  const auto enough = [&] { return max_lines > 0 && count == max_lines; };
  for (size_t file = 0; file < files.size() && !enough(); ++file) {
    const std::string_view text = lines.text(file);
    uint64_t number = 1;
    for (size_t at = 0; at < text.size() && !enough();) {
      Chunk chunk{file, at, at, number};
      while (at < text.size() && at - chunk.begin < kChunkBytes && !enough()) {
        const size_t end = std::min(text.find('\n', at), text.size());
        if (!is_blank(text.substr(at, end - at))) ++count;
        ++number;
        at = std::min(end + 1, text.size());
      }
      chunk.end = at;
      lines.bytes_ += chunk.end - chunk.begin;
      lines.chunks_.push_back(chunk);
    }
  }
  if (count == 0)
    return Status(StatusCode::invalid_data,
                  names + ": no line holds text; give plain text, one sentence or paragraph a line");
  return lines;
}

Status TextLines::visit(ThreadPool& pool, const std::atomic<bool>& stop, const char* what,
                        const Progress& on_progress, const Visit& visit) const {
  std::vector<Status> statuses(chunks());
  std::atomic<uint64_t> done{0};
  pool.run(chunks(), [&](size_t index, int thread) {
    Status& status = statuses[index];
    read(chunks_[index], [&](const Line& line) {
      if (stop.load(std::memory_order_relaxed)) return false;
      status = visit(line, index, thread);
      if (!status.ok())
        status = {status.code(),
                  line.file + " line " + std::to_string(line.number) + ": " + status.message()};
      return status.ok();
    });
    done += chunks_[index].end - chunks_[index].begin;
    if (thread == 0) on_progress(done, bytes_);
  });
  if (stop.load()) return {StatusCode::aborted, std::string(what) + " was stopped"};
  for (Status& status : statuses) BELLE_TRY(std::move(status));
  return {};
}

void TextLines::read(const Chunk& chunk, const std::function<bool(const Line&)>& visit) const {
  std::string_view rest = text(chunk.file).substr(chunk.begin, chunk.end - chunk.begin);
  for (uint64_t number = chunk.first_number; !rest.empty(); ++number) {
    const size_t length = std::min(rest.find('\n'), rest.size());
    const std::string_view line = without_return(rest.substr(0, length));
    rest.remove_prefix(std::min(length + 1, rest.size()));
    if (!is_blank(line) && !visit({line, files_[chunk.file].path(), number})) return;
  }
}

}  // namespace belle::tokenizer
