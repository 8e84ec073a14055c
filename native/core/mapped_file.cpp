#include "native/core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "native/core/committed_file.h"

namespace belle {

Result<MappedFile> MappedFile::open(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not block
  if (file < 0) return system_failure("read", path, errno);
  struct stat info {};
  if (::fstat(file, &info) != 0) {
    const int error = errno;
    ::close(file);
    return system_failure("read", path, error);
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(file);
    return Status(StatusCode::io, "cannot read " + path + ": not a regular file");
  }
  MappedFile mapped;
  mapped.path_ = path;
  if (info.st_size > 0) {  // mmap refuses a length of 0
    void* address = ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    if (address == MAP_FAILED) {
      const int error = errno;
      ::close(file);
      return system_failure("read", path, error);
    }
    mapped.data_ = static_cast<const uint8_t*>(address);
    mapped.size_ = static_cast<size_t>(info.st_size);
  }
  ::close(file);  // the map keeps the file alive
  return mapped;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      path_(std::move(other.path_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<uint8_t*>(data_), size_);
}

}  // namespace belle
