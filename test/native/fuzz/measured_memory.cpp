#include "test/native/fuzz/measured_memory.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace belle::fuzz {
namespace {

std::atomic<size_t> held{0}, peak{0};

void* taken(void* memory) {
  if (!memory) throw std::bad_alloc();
  const size_t now = held += malloc_usable_size(memory);
  size_t before = peak.load(std::memory_order_relaxed);
  while (now > before && !peak.compare_exchange_weak(before, now)) {
  }
  return memory;
}

void give_back(void* memory) {
  if (memory) held -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

size_t held_bytes() { return held; }
size_t peak_bytes() { return peak; }
void reset_peak() { peak = held.load(); }

}  // namespace belle::fuzz

void* operator new(size_t size) { return belle::fuzz::taken(std::malloc(std::max<size_t>(size, 1))); }
void* operator new[](size_t size) { return belle::fuzz::taken(std::malloc(std::max<size_t>(size, 1))); }
void* operator new(size_t size, std::align_val_t align) {
  const auto boundary = static_cast<size_t>(align);
  return belle::fuzz::taken(std::aligned_alloc(boundary, (size + boundary - 1) / boundary * boundary));
}
void operator delete(void* memory) noexcept { belle::fuzz::give_back(memory); }
void operator delete[](void* memory) noexcept { belle::fuzz::give_back(memory); }
void operator delete(void* memory, size_t) noexcept { belle::fuzz::give_back(memory); }
void operator delete[](void* memory, size_t) noexcept { belle::fuzz::give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { belle::fuzz::give_back(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { belle::fuzz::give_back(memory); }
