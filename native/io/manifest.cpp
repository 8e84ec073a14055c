#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "native/core/committed_file.h"
#include "native/core/sha256.h"
#include "native/core/utf8.h"
#include "native/io/commit.h"

namespace belle::io {

static const char* const kMend = "; the file was damaged or changed after it was written: use another copy";

static bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

// One entry of "files", or why it cannot be one.
static Result<FileRecord> read_record(const Json& entry) {
  const Json* name = entry.find("name");
  const Json* bytes = entry.find("bytes");
  const Json* hash = entry.find("sha256");
  if (!name || !name->string() || !bytes || !bytes->integer() || !hash || !hash->string()) {
    return Status(StatusCode::invalid_data, "an entry of \"files\" lacks name, bytes or sha256");
  }
  const std::string shown = "the entry \"" + printable(*name->string()) + "\"";
  if (!is_plain_name(*name->string())) {
    return Status(StatusCode::invalid_data, shown + " is not a plain file name");
  }
  if (*bytes->integer() < 0) return Status(StatusCode::invalid_data, shown + " has a negative size");
  if (!is_sha256(*hash->string())) {
    return Status(StatusCode::invalid_data, shown + " has a sha256 that is not 64 lower-case hex digits");
  }
  return FileRecord{*name->string(), static_cast<uint64_t>(*bytes->integer()), *hash->string()};
}

// read() rather than a memory map: a file cut short meanwhile gives an error, not SIGBUS.
static Result<FileRecord> record_of(const std::string& path, bool hashes) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not block
  if (file < 0) return system_failure("read", path, errno);
  struct stat info {};
  FileRecord record{base_name(path), 0, {}};
  int error = ::fstat(file, &info) == 0 ? 0 : errno;
  if (error == 0 && !S_ISREG(info.st_mode)) {
    ::close(file);
    return Status(StatusCode::invalid_data, path + " is not a regular file");
  }
  record.bytes = static_cast<uint64_t>(info.st_size);
  if (error == 0 && hashes) {
    Sha256 hash;
    std::vector<uint8_t> buffer(1 << 20);
    for (;;) {
      const ssize_t count = ::read(file, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) error = errno;
      if (count <= 0) break;
      hash.update(buffer.data(), static_cast<size_t>(count));
    }
    record.sha256 = hash.hex();
  }
  ::close(file);
  if (error != 0) return system_failure("read", path, error);
  return record;
}

Result<Json> verify_manifest(const std::string& folder, bool hashes) {
  const std::string path = folder + "/MANIFEST.json";
  BELLE_ASSIGN(Json manifest, read_json_file(path));
  const Json* files = manifest.find("files");
  if (!files || !files->array()) {
    return Status(StatusCode::invalid_data, path + ": has no \"files\" list, so it is not a manifest");
  }
  std::set<std::string> names;
  for (const Json& entry : *files->array()) {
    auto record = read_record(entry);
    if (!record.ok()) return Status(StatusCode::invalid_data, path + ": " + record.status().message());
    const FileRecord& said = record.value();
    if (!names.insert(said.name).second) {
      return Status(StatusCode::invalid_data, path + ": lists \"" + printable(said.name) + "\" twice");
    }
    const std::string file = folder + "/" + said.name;
    BELLE_ASSIGN(const FileRecord found, record_of(file, hashes));
    if (found.bytes != said.bytes) {
      return Status(StatusCode::invalid_data, file + " has " + std::to_string(found.bytes) +
                                                  " bytes where the manifest says " +
                                                  std::to_string(said.bytes) + kMend);
    }
    if (hashes && found.sha256 != said.sha256) {
      return Status(StatusCode::invalid_data,
                    file + " does not have the sha256 that the manifest says" + kMend);
    }
  }
  return manifest;
}

}  // namespace belle::io
