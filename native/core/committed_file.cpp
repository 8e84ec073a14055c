#include "native/core/committed_file.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "native/core/file_size_signal.h"

namespace belle {

namespace {

constexpr size_t kBuffer = 256 << 10;  // small writes are gathered

}  // namespace

Status system_failure(const std::string& action, const std::string& path, int error) {
  const std::string what = "cannot " + action + " " + path + ": " + std::system_category().message(error);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return Status(StatusCode::not_found, what + "; check the path");
    case EACCES:
    case EPERM:
      return Status(StatusCode::io, what + "; check the permissions");
    case EROFS:
      return Status(StatusCode::io, what + "; choose another folder");
    case ENOSPC:
    case EDQUOT:
      return Status(StatusCode::disk_full, what + "; free some space or write to another disk");
    case EFBIG:
      return Status(StatusCode::disk_full,
                    what + "; raise the file size limit (ulimit -f) or write to another disk");
    default:
      return Status(StatusCode::io, what);
  }
}

std::string parent_folder(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  if (end == path.npos) return path.empty() ? "." : "/";
  const size_t slash = path.rfind('/', end);
  if (slash == path.npos) return ".";
  const size_t last = path.find_last_not_of('/', slash);
  return last == path.npos ? "/" : path.substr(0, last + 1);
}

Status sync_folder(const std::string& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return system_failure("open the folder", folder, errno);
  const int error = ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  // Some network file systems cannot fsync a folder; their renames are durable on the server.
  if (error != 0 && error != EINVAL && error != ENOTSUP)
    return system_failure("fsync the folder", folder, error);
  return {};
}

struct CommittedFile::State {
  std::string path, temporary;
  int file = -1;
  uint64_t written = 0;
  std::vector<uint8_t> buffer;
  Status failure;  // the first one; a file that failed once is never committed

  Status fail(const std::string& action, int error) {
    failure = system_failure(action, path, error);
    if (failure.code() == StatusCode::disk_full) {
      struct statvfs disk {};
      std::string room;
      if (::statvfs(parent_folder(path).c_str(), &disk) == 0) {
        room = ", " + std::to_string(uint64_t{disk.f_bavail} * disk.f_frsize) + " bytes free";
      }
      failure = Status(failure.code(),
                       failure.message() + " (" + std::to_string(written) + " bytes written" + room + ")");
    }
    return failure;
  }

  Status flush(const uint8_t* bytes, size_t count) {
    const HoldFileSizeSignal hold;
    while (count > 0) {
      const ssize_t done = ::write(file, bytes, std::min<size_t>(count, 1 << 30));
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return fail("write", done < 0 ? errno : ENOSPC);
      bytes += done, count -= static_cast<size_t>(done), written += static_cast<uint64_t>(done);
    }
    return {};
  }
};

CommittedFile::CommittedFile(std::unique_ptr<State> state) : state_(std::move(state)) {}

CommittedFile::~CommittedFile() {
  if (state_->file >= 0) ::close(state_->file);
  if (!state_->temporary.empty()) ::unlink(state_->temporary.c_str());
}

Result<std::unique_ptr<CommittedFile>> CommittedFile::create(const std::string& path) {
  auto state = std::make_unique<State>();
  state->path = path;
  for (int n = 0; n < 1000 && state->file < 0; ++n) {
    const std::string temporary = path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(n);
    state->file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (state->file >= 0)
      state->temporary = temporary;
    else if (errno != EEXIST)
      break;
  }
  if (state->file < 0) return system_failure("create", path, errno);
  state->buffer.reserve(kBuffer);
  return std::unique_ptr<CommittedFile>(new CommittedFile(std::move(state)));
}

Status CommittedFile::write(const void* bytes, size_t count) {
  if (!state_->failure.ok()) return state_->failure;
  const auto* from = static_cast<const uint8_t*>(bytes);
  if (state_->buffer.size() + count > kBuffer) {
    BELLE_TRY(state_->flush(state_->buffer.data(), state_->buffer.size()));
    state_->buffer.clear();
    if (count >= kBuffer) return state_->flush(from, count);
  }
  state_->buffer.insert(state_->buffer.end(), from, from + count);
  return {};
}

Status CommittedFile::commit() {
  State& s = *state_;
  if (!s.failure.ok()) return s.failure;
  BELLE_TRY(s.flush(s.buffer.data(), s.buffer.size()));
  s.buffer.clear();
  // After a failed fsync the state of the pages is unknown: never retried on the same file.
  if (::fsync(s.file) != 0) return s.fail("fsync", errno);
  if (::close(std::exchange(s.file, -1)) != 0) return s.fail("close", errno);
  if (::rename(s.temporary.c_str(), s.path.c_str()) != 0) return s.fail("rename a finished file to", errno);
  s.temporary.clear();
  return sync_folder(parent_folder(s.path));
}

Status write_committed_file(const std::string& path, std::string_view text) {
  BELLE_ASSIGN(std::unique_ptr<CommittedFile> file, CommittedFile::create(path));
  BELLE_TRY(file->write(text.data(), text.size()));
  return file->commit();
}

}  // namespace belle
