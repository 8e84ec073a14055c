#pragma once
// Files that are committed, not written (docs: checkpoint protocol). A FileWriter is a CommittedFile that
// hashes while writing; a destroyed, uncommitted writer leaves nothing behind.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/json.h"
#include "native/core/status.h"

namespace belle::io {

struct FileRecord {  // what a manifest says of a file
  std::string name;  // relative to the manifest's folder
  uint64_t bytes = 0;
  std::string sha256;
};

class FileWriter {
 public:
  static Result<std::unique_ptr<FileWriter>> create(const std::string& path);
  ~FileWriter();
  Status write(const void* bytes,
               size_t count);  // disk_full on ENOSPC/EDQUOT/EFBIG, io otherwise; message names path
  Status write(std::string_view text) { return write(text.data(), text.size()); }
  Result<FileRecord> commit();  // fsync, rename over `path`, fsync the folder

 private:
  struct State;
  explicit FileWriter(std::unique_ptr<State>);
  std::unique_ptr<State> state_;
};

// The last component of a path.
std::string base_name(const std::string& path);
// True for a name that cannot leave its folder: not empty, no '/', no NUL, not "." or "..", at most 255
// bytes.
bool is_plain_name(std::string_view name);

// Whole-file convenience.
Result<FileRecord> write_file(const std::string& path, std::string_view text);
Result<std::string> read_file(const std::string& path, uint64_t max_bytes);
// parse_json of a file; the message names the file.
Result<Json> read_json_file(const std::string& path, uint64_t max_bytes = 64u << 20);

// DirectoryCommit: a folder that appears whole or not at all. Files go to `<path>.tmp-<pid>-<counter>/`;
// commit() writes MANIFEST.json (manifest_fields, then every file's name, size and sha256 under "files"),
// fsyncs, renames to `path`, fsyncs the parent. Without commit() the temporary folder is removed. `path` may
// be an empty folder; one that holds something is refused, never replaced.
class DirectoryCommit {
 public:
  static Result<std::unique_ptr<DirectoryCommit>> create(const std::string& path);
  ~DirectoryCommit();
  const std::string& folder() const;  // the temporary folder: write files here
  void add(FileRecord record);        // a file written there through FileWriter (or record_of)
  Status commit(Json::Object manifest_fields);

 private:
  struct State;
  explicit DirectoryCommit(std::unique_ptr<State>);
  std::unique_ptr<State> state_;
};

// Copies a file into `folder` under `name`, fsynced and hashed.
Result<FileRecord> copy_file(const std::string& from, const std::string& folder, const std::string& name);

// Reads `<folder>/MANIFEST.json` and checks every file's size, and its sha256 when `hashes`. The message
// names the first bad file.
Result<Json> verify_manifest(const std::string& folder, bool hashes = true);

// Bytes free for this user on the file system that holds `path`'s nearest existing ancestor.
Result<uint64_t> free_space(const std::string& path);

// Renames `folder` to a .trash- sibling, fsyncs, then deletes it: a crash leaves the folder whole or gone.
Status remove_directory(const std::string& folder);

// Deletes what a killed process left in `folder`: entries named `<prefix>*.tmp-*` or `<prefix>*.trash-*`.
Status remove_leftovers(const std::string& folder, std::string_view prefix);

}  // namespace belle::io
