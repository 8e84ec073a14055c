#include <cstring>

#include "native/core/committed_file.h"
#include "native/core/mapped_file.h"
#include "native/core/sha256.h"
#include "native/io/commit.h"

namespace belle::io {

struct FileWriter::State {
  std::unique_ptr<CommittedFile> file;
  Sha256 hash;
  FileRecord record;
};

FileWriter::FileWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
FileWriter::~FileWriter() = default;

Result<std::unique_ptr<FileWriter>> FileWriter::create(const std::string& path) {
  auto state = std::make_unique<State>();
  BELLE_ASSIGN(state->file, CommittedFile::create(path));
  state->record.name = base_name(path);
  return std::unique_ptr<FileWriter>(new FileWriter(std::move(state)));
}

Status FileWriter::write(const void* bytes, size_t count) {
  BELLE_TRY(state_->file->write(bytes, count));
  state_->hash.update(bytes, count);
  state_->record.bytes += count;
  return {};
}

Result<FileRecord> FileWriter::commit() {
  BELLE_TRY(state_->file->commit());
  state_->record.sha256 = state_->hash.hex();
  return state_->record;
}

std::string base_name(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  if (end == path.npos) return path.empty() ? "" : "/";
  const size_t slash = path.rfind('/', end);
  const size_t start = slash == path.npos ? 0 : slash + 1;
  return path.substr(start, end + 1 - start);
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\0", 2)) == name.npos;
}

Result<FileRecord> write_file(const std::string& path, std::string_view text) {
  BELLE_ASSIGN(const std::unique_ptr<FileWriter> file, FileWriter::create(path));
  BELLE_TRY(file->write(text));
  return file->commit();
}

Result<std::string> read_file(const std::string& path, uint64_t max_bytes) {
  BELLE_ASSIGN(const MappedFile file, MappedFile::open(path));
  if (file.bytes().size() > max_bytes) {
    return Status(StatusCode::invalid_data, path + " has " + std::to_string(file.bytes().size()) +
                                                " bytes, over the limit of " + std::to_string(max_bytes) +
                                                "; it is not the file it is taken for");
  }
  return std::string(file.bytes().begin(), file.bytes().end());
}

Result<Json> read_json_file(const std::string& path, uint64_t max_bytes) {
  BELLE_ASSIGN(const std::string text, read_file(path, max_bytes));
  auto parsed = parse_json(text, {.max_depth = 64, .max_bytes = max_bytes});
  if (!parsed.ok()) return Status(parsed.status().code(), path + ": " + parsed.status().message());
  return parsed;
}

Result<FileRecord> copy_file(const std::string& from, const std::string& folder, const std::string& name) {
  if (!is_plain_name(name)) return Status(StatusCode::invalid_argument, "'" + name + "' is not a file name");
  BELLE_ASSIGN(const MappedFile source, MappedFile::open(from));
  BELLE_ASSIGN(const std::unique_ptr<FileWriter> file, FileWriter::create(folder + "/" + name));
  BELLE_TRY(file->write(source.bytes().data(), source.bytes().size()));
  return file->commit();
}

}  // namespace belle::io
