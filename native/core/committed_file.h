#pragma once
// CommittedFile: a file that appears whole or not at all. Bytes go to `<path>.tmp-<pid>-<n>`; commit()
// fsyncs, renames over `path` and fsyncs the folder. Destroyed without commit(), it leaves nothing behind.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "native/core/status.h"

namespace belle {

class CommittedFile {
 public:
  static Result<std::unique_ptr<CommittedFile>> create(const std::string& path);
  ~CommittedFile();
  // disk_full on ENOSPC, EDQUOT and EFBIG, io otherwise; the message names the path. SIGXFSZ is held back.
  Status write(const void* bytes, size_t count);
  Status commit();

 private:
  struct State;
  explicit CommittedFile(std::unique_ptr<State>);
  std::unique_ptr<State> state_;
};

// Whole-file convenience.
Status write_committed_file(const std::string& path, std::string_view text);

// Makes renames and removals inside `folder` survive a power cut.
Status sync_folder(const std::string& folder);

// The folder part of a path ("." when there is none); trailing slashes do not count.
std::string parent_folder(const std::string& path);

// A Status for a failed system call: "cannot <action> <path>: <reason>", with the code `error` (an errno)
// deserves.
Status system_failure(const std::string& action, const std::string& path, int error);

}  // namespace belle
