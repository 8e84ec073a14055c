#pragma once
// Device memory: pages that fault when the host touches them, as a device's do. They are open only while a
// kernel, a copy or a fill of the runtime runs.
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace belle::cuda::emulated {

class Arena {
 public:
  static Arena& one();
  Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  void* allocate(size_t bytes);                  // filled with NaN; nullptr when there is no room
  bool release(void* memory);                    // false: not from allocate()
  bool holds(const void* memory, size_t bytes);  // inside one allocation
  bool covers(uintptr_t address) const;          // anywhere in the arena
  // Held open by one thread at a time: the device has one stream.
  void open();
  void close();

 private:
  std::mutex mutex_;   // of the table
  std::mutex opened_;  // held from open() to close()
  unsigned char* base_ = nullptr;
  size_t highest_ = 0;  // end of what was ever handed out
  size_t opened_to_ = 0;
  std::map<size_t, size_t> taken_;  // offset, bytes in whole pages
};

// Device memory is open in this scope.
class OpenMemory {
 public:
  OpenMemory() { Arena::one().open(); }
  ~OpenMemory() { Arena::one().close(); }
  OpenMemory(const OpenMemory&) = delete;
  OpenMemory& operator=(const OpenMemory&) = delete;
};

}  // namespace belle::cuda::emulated
