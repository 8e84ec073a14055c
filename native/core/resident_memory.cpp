#include "native/core/resident_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

namespace belle {

// "total resident shared ...", in pages.
uint64_t resident_memory() {
  const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[256];
  const ssize_t length = ::read(file, text, sizeof text);
  ::close(file);
  if (length <= 0) return 0;
  const char* end = text + length;
  const auto* space = static_cast<const char*>(std::memchr(text, ' ', static_cast<size_t>(length)));
  uint64_t pages = 0;
  if (space == nullptr || std::from_chars(space + 1, end, pages).ec != std::errc()) return 0;
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace belle
