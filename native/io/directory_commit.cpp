#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>

#include "native/core/committed_file.h"
#include "native/io/commit.h"

namespace belle::io {

namespace fs = std::filesystem;

struct DirectoryCommit::State {
  std::string path, temporary;
  std::vector<FileRecord> records;
};

static Status refuse_occupied(const std::string& path) {
  std::error_code error;
  const auto status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::not_found) return {};
  if (!fs::is_directory(status) || !fs::is_empty(path, error) || error) {
    return Status(
        StatusCode::invalid_argument,
        path + " already exists and is not an empty folder; choose another path or delete it first");
  }
  return {};
}

static std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

DirectoryCommit::DirectoryCommit(std::unique_ptr<State> state) : state_(std::move(state)) {}

DirectoryCommit::~DirectoryCommit() {
  std::error_code ignored;
  if (!state_->temporary.empty()) fs::remove_all(state_->temporary, ignored);
}

Result<std::unique_ptr<DirectoryCommit>> DirectoryCommit::create(const std::string& path) {
  auto state = std::make_unique<State>();
  state->path = without_trailing_slashes(path);
  BELLE_TRY(refuse_occupied(state->path));
  std::error_code error;
  fs::create_directories(parent_folder(state->path), error);
  if (error) return system_failure("create the folder", parent_folder(state->path), error.value());
  for (int n = 0; state->temporary.empty(); ++n) {
    const std::string name = state->path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(n);
    if (::mkdir(name.c_str(), 0777) == 0) {
      state->temporary = name;
    } else if (errno != EEXIST || n == 1000) {
      return system_failure("create the folder", name, errno);
    }
  }
  return std::unique_ptr<DirectoryCommit>(new DirectoryCommit(std::move(state)));
}

const std::string& DirectoryCommit::folder() const { return state_->temporary; }

void DirectoryCommit::add(FileRecord record) { state_->records.push_back(std::move(record)); }

Status DirectoryCommit::commit(Json::Object manifest_fields) {
  State& s = *state_;
  Json manifest(std::move(manifest_fields));
  Json::Array files;
  std::set<std::string> names;
  for (const FileRecord& record : s.records) {
    if (!is_plain_name(record.name) || !names.insert(record.name).second) {
      return Status(StatusCode::internal,
                    "file '" + record.name + "' was added twice or cannot be in a manifest");
    }
    files.push_back(Json::Object{
        {"name", record.name}, {"bytes", static_cast<int64_t>(record.bytes)}, {"sha256", record.sha256}});
  }
  manifest.set("files", std::move(files));
  auto written = write_file(s.temporary + "/MANIFEST.json", manifest.dump(2) + "\n");
  if (!written.ok()) return written.status();
  BELLE_TRY(refuse_occupied(s.path));
  if (::rename(s.temporary.c_str(), s.path.c_str()) != 0) {
    return system_failure("rename a finished folder to", s.path, errno);
  }
  s.temporary.clear();
  return sync_folder(parent_folder(s.path));
}

Result<uint64_t> free_space(const std::string& path) {
  std::string at = without_trailing_slashes(path.empty() ? "." : path);
  struct statvfs disk {};
  while (::statvfs(at.c_str(), &disk) != 0) {
    if (errno != ENOENT || at == "/" || at == ".") return system_failure("ask the free space of", at, errno);
    at = parent_folder(at);
  }
  return uint64_t{disk.f_bavail} * disk.f_frsize;
}

Status remove_directory(const std::string& folder) {
  const std::string path = without_trailing_slashes(folder);
  std::string trash;
  for (int n = 0; trash.empty(); ++n) {
    const std::string name = path + ".trash-" + std::to_string(::getpid()) + "-" + std::to_string(n);
    struct stat info {};
    if (::lstat(name.c_str(), &info) == 0) continue;
    if (::rename(path.c_str(), name.c_str()) != 0) return system_failure("remove", path, errno);
    trash = name;
  }
  BELLE_TRY(sync_folder(parent_folder(path)));
  std::error_code error;
  fs::remove_all(trash, error);
  if (error) return system_failure("remove", trash, error.value());
  return {};
}

// True for `...<marker><digits>-<digits>`.
static bool ends_as_leftover(const std::string& name, std::string_view marker) {
  const size_t at = name.rfind(marker);
  if (at == name.npos) return false;
  const std::string_view rest = std::string_view(name).substr(at + marker.size());
  const size_t dash = rest.find('-');
  return dash != rest.npos && dash > 0 && dash + 1 < rest.size() &&
         rest.find_first_not_of("0123456789-") == rest.npos && rest.rfind('-') == dash;
}

Status remove_leftovers(const std::string& folder, std::string_view prefix) {
  std::error_code error;
  std::vector<fs::path> doomed;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    if (ends_as_leftover(name, ".tmp-") || ends_as_leftover(name, ".trash-")) doomed.push_back(entry->path());
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return system_failure("list", folder, error.value());
  for (const fs::path& path : doomed) {
    fs::remove_all(path, error);
    if (error) return system_failure("remove", path.string(), error.value());
  }
  return {};
}

}  // namespace belle::io
