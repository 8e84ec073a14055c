#pragma once
// MappedFile: a read-only memory map of a whole file, closed by its destructor.
#include <cstdint>
#include <span>
#include <string>

#include "native/core/status.h"

namespace belle {

class MappedFile {
 public:
  static Result<MappedFile> open(const std::string& path);  // not_found / io with the path and the reason
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  std::span<const uint8_t> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

 private:
  MappedFile() = default;
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
  std::string path_;
};

}  // namespace belle
